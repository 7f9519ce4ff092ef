// Who one is here: the names one may change, and the password.

import { el, say } from '../dom.js';
import { errorLine, field, onSubmit } from '../forms.js';
import { card } from './card.js';

const NAMES = ['username', 'first_name', 'last_name'];

export class ProfileCard {
  #form;
  #facts = el('dl', { class: 'facts' });
  #card;

  /** `onChange(me)` is told the account after each change. */
  constructor({ session, onChange }) {
    this.#form = el('form', { novalidate: true },
      errorLine(),
      field({ id: 'profile-username', name: 'username', label: 'Username', autocomplete: 'username', maxlength: '150', autocapitalize: 'none', spellcheck: 'false' }),
      el('div', { class: 'pair' },
        field({ id: 'profile-first', name: 'first_name', label: 'First name', autocomplete: 'given-name', maxlength: '150' }),
        field({ id: 'profile-last', name: 'last_name', label: 'Last name', autocomplete: 'family-name', maxlength: '150' })),
      el('div', { class: 'form-foot' }, el('button', { type: 'submit', class: 'primary' }, 'Save')));
    this.#card = card('account-profile', 'Profile', this.#facts, this.#form);
    onSubmit(this.#form, async (elements) => {
      say(this.#card.done);
      const names = Object.fromEntries(NAMES.map((name) => [name, elements[name].value.trim()]));
      onChange(await session.patch('auth/me', names));
      say(this.#card.done, 'Your profile is saved.');
    });
  }

  get node() {
    return this.#card.node;
  }

  open(me) {
    say(this.#card.done);
    this.show(me);
  }

  show(me) {
    for (const name of NAMES) this.#form.elements[name].value = me[name] ?? '';
    const facts = [['Email', me.email], ['Role', me.role?.replaceAll('_', ' ')], ['Company', me.company]];
    this.#facts.replaceChildren(...facts.filter(([, value]) => value)
      .map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, value))));
  }

  close() {
    this.#form.reset();
    this.#facts.replaceChildren();
  }
}

export class PasswordCard {
  #form;
  #card;

  /** `onChange()` is told that every other session and every API key has ended. */
  constructor({ session, onChange }) {
    this.#form = el('form', { novalidate: true },
      errorLine(),
      field({ id: 'current-password', name: 'current_password', label: 'Current password', type: 'password', autocomplete: 'current-password' }),
      field({ id: 'new-password', name: 'new_password', label: 'New password', type: 'password', autocomplete: 'new-password', hint: 'At least 8 characters, and not a common one. It signs you out everywhere else and ends your API keys.' }),
      el('div', { class: 'form-foot' }, el('button', { type: 'submit', class: 'primary' }, 'Change password')));
    this.#card = card('account-password', 'Password', this.#form);
    onSubmit(this.#form, async ({ current_password: current, new_password: fresh }) => {
      say(this.#card.done);
      await session.changePassword({ current_password: current.value, new_password: fresh.value });
      this.#form.reset();
      say(this.#card.done, 'Your password is changed. You are signed out everywhere else.');
      onChange();
    });
  }

  get node() {
    return this.#card.node;
  }

  open() {
    this.close();
  }

  close() {
    this.#form.reset();
    say(this.#card.done);
  }
}
