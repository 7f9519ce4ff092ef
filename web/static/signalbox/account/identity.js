// The identity check: how it stands, why it was rejected, and handing in documents.

import { byId, el, reporting, say } from '../dom.js';
import { confirmed } from '../dialogs.js';
import { choice, errorLine, onSubmit } from '../forms.js';
import { stamp } from '../stamp.js';
import { actOn, card, focusTitle } from './card.js';

const MOST_FILES = 5;
const TYPES = [
  ['passport', 'Passport'], ['id_card', 'Identity card'], ['driving_licence', 'Driving licence'],
  ['proof_of_address', 'Proof of address'],
];
const NAMES = Object.fromEntries(TYPES);
const STANDS = {
  not_submitted: ['', 'Not handed in', 'Nothing has been handed in yet.'],
  pending: ['high', 'Waiting', 'A reviewer looks at your documents. You are told here at once.'],
  approved: ['good', 'Approved', 'Your identity is confirmed.'],
  rejected: ['critical', 'Rejected', 'Your documents were not accepted. You may hand in others.'],
};

export class IdentityCard {
  #session;
  #standing = el('div', { class: 'standing' });
  #chosen = el('div', { class: 'chosen' });
  #files = [];
  #isOpen = false;
  #form;
  #actions = el('div', { class: 'card-actions' });
  #card;

  constructor({ session, socket }) {
    this.#session = session;
    this.#form = this.#newForm();
    this.#card = card('account-identity', 'Identity check', this.#standing, this.#form, this.#actions);
    onSubmit(this.#form, () => this.#handIn());
    // A decision is told as a notification; the page shows it without being asked.
    socket.on('notification', ({ payload }) => payload.type === 'kyc' && this.#decided());
  }

  get node() {
    return this.#card.node;
  }

  open() {
    this.#isOpen = true;
    return reporting(this.#card.problem, async () => this.#show(await this.#session.get('auth/kyc/status')));
  }

  close() {
    this.#isOpen = false;
    this.#choose([]);
    this.#standing.replaceChildren();
    this.#actions.replaceChildren();
    say(this.#card.done);
  }

  #decided() {
    if (!this.#isOpen) return;
    say(this.#card.done);
    this.open();
  }

  #newForm() {
    const input = el('input', {
      type: 'file', id: 'kyc-files', multiple: true, accept: 'image/jpeg,image/png,application/pdf',
      'aria-describedby': 'kyc-files-hint', on: { change: (event) => this.#choose([...this.#files, ...event.target.files]) },
    });
    return el('form', { novalidate: true, class: 'hand-in' },
      errorLine(),
      el('div', { class: 'field' }, el('label', { for: 'kyc-files' }, 'Documents'), input,
        el('p', { class: 'hint', id: 'kyc-files-hint' }, `Up to ${MOST_FILES} files: JPEG, PNG or PDF, 10 MiB each.`),
        el('p', { class: 'field-error', 'data-error-for': 'documents document_type', hidden: true })),
      this.#chosen,
      el('div', { class: 'form-foot', hidden: true }, el('button', { type: 'submit', class: 'primary' }, 'Hand in')));
  }

  #choose(files) {
    this.#files = files.slice(0, MOST_FILES);
    // Each choice adds to the ones before, which a file input by itself would forget.
    byId('kyc-files').value = '';
    say(this.#card.problem, files.length > MOST_FILES ? `Up to ${MOST_FILES} files at a time; the rest were left out.` : '');
    this.#chosen.replaceChildren(...this.#files.map((file, index) => this.#line(file, index)));
    this.#form.querySelector('.form-foot').hidden = this.#files.length === 0;
  }

  #line(file, index) {
    const kind = choice({ id: `kyc-type-${index}`, name: 'document_type', label: file.name, options: TYPES, errorFor: `documents.${index}` });
    kind.classList.add('chosen-file');
    kind.querySelector('label').append(el('span', { class: 'aside' }, ` ${sizeOf(file.size)}`));
    kind.querySelector('select').after(el('button', {
      type: 'button', class: 'quiet small', 'aria-label': `Leave out ${file.name}`,
      on: { click: () => { this.#choose(this.#files.filter((one) => one !== file)); byId('kyc-files').focus(); } },
    }, 'Leave out'));
    return kind;
  }

  async #handIn() {
    const body = new FormData();
    const types = [...this.#form.querySelectorAll('[name=document_type]')];
    this.#files.forEach((file, index) => {
      body.append('documents', file);
      body.append('document_type', types[index].value);
    });
    await this.#session.post('auth/kyc/upload', body);
    this.#choose([]);
    await this.open();
    say(this.#card.done, 'Your documents are handed in.');
    focusTitle(this.#card);
  }

  #show({ status, documents, reason, submitted_at: handedIn, reviewed_at: reviewed }) {
    const [tone, word, text] = STANDS[status] ?? ['', status, ''];
    this.#standing.replaceChildren(...[
      el('p', { class: 'standing-line' }, el('span', { class: `chip ${tone}` }, word), ` ${text}`),
      reason && el('p', { class: 'reason' }, el('b', {}, 'Reason: '), reason),
      when(handedIn, reviewed),
      documents.length > 0 && el('ul', { class: 'documents' }, documents.map(documentLine)),
    ].filter(Boolean));
    this.#form.hidden = status === 'approved';
    this.#actions.replaceChildren(...[
      status === 'pending' && actOn(this.#card, 'Take back', 'quiet', () => this.#takeBack()),
      documents.length > 0 && actOn(this.#card, 'Erase everything', 'quiet', () => this.#erase()),
    ].filter(Boolean));
  }

  async #takeBack() {
    this.#show(await this.#session.post('auth/kyc/withdraw'));
    say(this.#card.done, 'Your documents are taken back.');
    focusTitle(this.#card);
  }

  async #erase() {
    if (!await confirmed('Erase your documents?', 'Everything you have handed in is erased, and an approval ends with it.', 'Erase')) return;
    await this.#session.delete('auth/kyc');
    await this.open();
    say(this.#card.done, 'Your documents are erased.');
    focusTitle(this.#card);
  }
}

function when(handedIn, reviewed) {
  const words = [handedIn && ['Handed in ', stamp(handedIn)], reviewed && [handedIn ? ', reviewed ' : 'Reviewed ', stamp(reviewed)]].filter(Boolean);
  return words.length ? el('p', { class: 'aside' }, words.flat()) : null;
}

function documentLine({ filename, document_type: type, size }) {
  return el('li', {}, el('span', { class: 'document-name' }, filename || 'Without a name'),
    el('span', { class: 'aside' }, `${NAMES[type] ?? 'Document'}, ${sizeOf(size)}`));
}

function sizeOf(bytes) {
  if (bytes < 1024 * 1024) return `${Math.max(1, Math.round(bytes / 1024))} KiB`;
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}
