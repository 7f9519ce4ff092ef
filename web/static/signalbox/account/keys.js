// API keys for machines: made with scopes and an end, shown once, revoked.

import { el, reporting, say } from '../dom.js';
import { confirmed, withProof } from '../dialogs.js';
import { choice, errorLine, field, onSubmit } from '../forms.js';
import { stamp } from '../stamp.js';
import { actOn, card, focusTitle, row } from './card.js';
import { shownOnce } from './shown-once.js';

const SCOPES = {
  read: 'read what you may read',
  'notifications:write': 'send, answer, mark and delete notifications',
  'channels:write': 'delivery channels and preferences',
  'formulas:write': 'formulas, deployments, subscriptions, reviews',
  'portfolio:write': 'positions and their synchronisation',
  trade: 'orders and broker connections',
  'datafeed:write': 'instruments and bars',
  'control:write': 'the system’s state, mode, configuration, models',
  'jobs:write': 'cancel jobs',
};
const DAY = 86_400_000;
const ENDS = [['30', 'In 30 days'], ['90', 'In 90 days'], ['365', 'In a year'], ['', 'Never']];

export class KeysCard {
  #session;
  #list = el('ul', { class: 'rows' });
  #none = el('p', { class: 'empty', hidden: true }, 'You have no key. A program needs one to act for you.');
  #made = el('div', { class: 'steps' });
  #form;
  #card;

  constructor({ session }) {
    this.#session = session;
    this.#form = this.#newForm();
    this.#card = card('account-keys', 'API keys', this.#list, this.#none, this.#made,
      el('details', { class: 'more' }, el('summary', {}, 'Make a key'), this.#form));
    onSubmit(this.#form, (elements) => this.#make(elements));
  }

  get node() {
    return this.#card.node;
  }

  open() {
    return reporting(this.#card.problem, async () => {
      const { results } = await this.#session.get('auth/api-keys', { size: 100 });
      this.#none.hidden = results.length > 0;
      this.#list.replaceChildren(...results.map((key) => this.#row(key)));
    });
  }

  close() {
    this.#list.replaceChildren();
    this.#made.replaceChildren();
    this.#form.reset();
    this.#form.parentElement.open = false;
    say(this.#card.done);
  }

  #newForm() {
    const scopes = Object.entries(SCOPES).map(([scope, words]) => el('label', { class: 'scope' },
      el('input', { type: 'checkbox', name: 'scopes', id: `scope-${scope}`, value: scope, checked: scope === 'read' }),
      el('span', {}, el('code', {}, scope), ` ${words}`)));
    return el('form', { novalidate: true },
      errorLine(),
      field({ id: 'key-name', name: 'name', label: 'Name', maxlength: '100', autocomplete: 'off', hint: 'The program that it is for.' }),
      el('fieldset', { class: 'field' }, el('legend', {}, 'What it may do'), el('div', { class: 'scopes' }, scopes),
        el('p', { class: 'field-error', 'data-error-for': 'scopes', hidden: true })),
      choice({ id: 'key-end', name: 'expires_at', label: 'It ends', options: ENDS }),
      el('div', { class: 'form-foot' }, el('button', { type: 'submit', class: 'primary' }, 'Make key')));
  }

  async #make({ name, scopes, expires_at: end }) {
    const body = {
      name: name.value.trim(),
      scopes: [...scopes].filter(({ checked }) => checked).map(({ value }) => value),
      expires_at: end.value ? new Date(Date.now() + end.value * DAY).toISOString() : null,
    };
    const key = await withProof(this.#session, () => this.#session.post('auth/api-keys', body));
    if (!key) return;
    this.#form.reset();
    this.#form.parentElement.open = false;
    await this.open();
    const secret = shownOnce({
      title: `The key “${key.name}”`,
      text: 'It is shown this once. The program sends it as “Authorization: Api-Key …”.',
      lines: [key.key],
      onKept: () => focusTitle(this.#card),
    });
    this.#made.replaceChildren(secret);
    secret.focus();
  }

  #row(key) {
    const isOver = key.expires_at && Date.parse(key.expires_at) <= Date.now();
    const end = key.expires_at ? [isOver ? 'ended ' : 'ends ', stamp(key.expires_at)] : ['never ends'];
    const used = key.last_used_at ? ['last used ', stamp(key.last_used_at)] : ['not used yet'];
    return row(key.name, [
      el('code', {}, `sbx_${key.prefix}_…`), key.scopes.join(', '), ['Made ', stamp(key.created_at), ', ', ...end, ', ', ...used],
    ], actOn(this.#card, 'Revoke', 'small', () => this.#revoke(key), `Revoke: ${key.name}`));
  }

  async #revoke(key) {
    if (!await confirmed(`Revoke “${key.name}”?`, 'Programs that use it are refused at once. This cannot be undone.', 'Revoke')) return;
    await this.#session.delete(`auth/api-keys/${key.id}`);
    await this.open();
    say(this.#card.done, `“${key.name}” is revoked.`);
    focusTitle(this.#card);
  }
}
