// A company, for its administrator: who belongs to it, and who is invited.

import { el, reporting, say } from '../dom.js';
import { confirmed } from '../dialogs.js';
import { choice, errorLine, field, onSubmit } from '../forms.js';
import { stamp } from '../stamp.js';
import { actOn, card, focusTitle, row } from './card.js';
import { shownOnce } from './shown-once.js';

const ROLES = [['user', 'Member'], ['company_admin', 'Administrator']];
const ROLE_WORDS = Object.fromEntries(ROLES);

export class CompanyCard {
  #session;
  #me;
  #members = el('ul', { class: 'rows' });
  #invited = el('ul', { class: 'rows' });
  #none = el('p', { class: 'empty', hidden: true }, 'Nobody is invited at the moment.');
  #made = el('div', { class: 'steps' });
  #form;
  #card;

  constructor({ session }) {
    this.#session = session;
    this.#form = el('form', { novalidate: true }, errorLine(),
      el('div', { class: 'pair' },
        field({ id: 'invite-email', name: 'email', label: 'Email', type: 'email', autocomplete: 'off', maxlength: '254' }),
        choice({ id: 'invite-role', name: 'role', label: 'Role', options: ROLES })),
      el('div', { class: 'form-foot' }, el('button', { type: 'submit', class: 'primary' }, 'Invite')));
    this.#card = card('account-company', 'Your company', this.#members, el('h3', { class: 'part' }, 'Invited'),
      this.#invited, this.#none, this.#made,
      el('details', { class: 'more' }, el('summary', {}, 'Invite somebody'), this.#form));
    this.#card.node.hidden = true;
    onSubmit(this.#form, (elements) => this.#invite(elements));
  }

  get node() {
    return this.#card.node;
  }

  open(me) {
    this.#me = me;
    const isTheirs = me.role === 'company_admin' && Boolean(me.company);
    this.#card.node.hidden = !isTheirs;
    return isTheirs ? reporting(this.#card.problem, () => this.#read()) : undefined;
  }

  close() {
    this.#me = null;
    for (const part of [this.#members, this.#invited, this.#made]) part.replaceChildren();
    this.#form.reset();
    this.#form.parentElement.open = false;
    say(this.#card.done);
  }

  get #path() {
    return `companies/${this.#me.company}`;
  }

  async #read() {
    const me = this.#me;
    const [company, members, invitations] = await Promise.all([
      this.#session.get(this.#path), this.#session.get(`${this.#path}/members`, { size: 100 }),
      this.#session.get(`${this.#path}/invitations`, { size: 100 }),
    ]);
    if (me !== this.#me) return;
    this.#card.node.querySelector('h2').textContent = `Your company: ${company.name}`;
    this.#members.replaceChildren(...members.results.map((one) => this.#memberRow(one)));
    this.#invited.replaceChildren(...invitations.results.map((one) => this.#invitationRow(one)));
    this.#none.hidden = invitations.results.length > 0;
  }

  #memberRow(member) {
    const { id, username, email, role } = member;
    const name = [member.first_name, member.last_name].filter(Boolean).join(' ') || username;
    const action = id === this.#me.id
      ? el('span', { class: 'chip good' }, 'You')
      : actOn(this.#card, 'Remove', 'small', () => this.#remove(id, name), `Remove: ${name}`);
    return row(name, [email, ROLE_WORDS[role] ?? role.replaceAll('_', ' ')], action);
  }

  #invitationRow({ id, email, role, expires_at: end }) {
    return row(email, [[`${ROLE_WORDS[role]}, until `, stamp(end)]],
      actOn(this.#card, 'Withdraw', 'small', () => this.#withdraw(id, email), `Withdraw: ${email}`));
  }

  async #invite({ email, role }) {
    const made = await this.#session.post(`${this.#path}/invitations`, { email: email.value.trim(), role: role.value });
    this.#form.reset();
    this.#form.parentElement.open = false;
    await this.#changed(`${made.email} is invited.`);
    if (made.token) this.#showLink(made);
  }

  #showLink({ email, token }) {
    const shown = shownOnce({
      title: `The invitation of ${email}`,
      text: 'This server sends no mail: hand the link over yourself. It is shown this once.',
      lines: [`${location.origin}/#invitation=${token}`],
      onKept: () => focusTitle(this.#card),
    });
    this.#made.replaceChildren(shown);
    shown.focus();
  }

  async #withdraw(id, email) {
    await this.#session.delete(`${this.#path}/invitations/${id}`);
    this.#made.replaceChildren();
    await this.#changed(`The invitation of ${email} is withdrawn.`);
  }

  async #remove(id, name) {
    if (!await confirmed(`Remove “${name}”?`, 'They leave the company at once. Their account stays.', 'Remove')) return;
    await this.#session.delete(`${this.#path}/members/${id}`);
    await this.#changed(`“${name}” has left the company.`);
  }

  async #changed(words) {
    await this.#read();
    say(this.#card.done, words);
    focusTitle(this.#card);
  }
}
