// The doors for those who are not signed in: signing in, signing up, and choosing a new password.

import { callAsStranger } from './api.js';
import { byId, say, whileBusy } from './dom.js';
import { clearErrors, showErrors } from './form-errors.js';
import { onSubmit, submitting } from './forms.js';
import { canUsePasskeys, provePasskey } from './passkeys.js';

const FORMS = ['sign-in', 'register', 'forgot', 'reset'];

export class Welcome {
  #session;
  #onEntered;
  #signIn = byId('sign-in');
  #resetToken = null;

  /** `onEntered()` is called when the session has begun. */
  constructor({ session, onEntered }) {
    this.#session = session;
    this.#onEntered = onEntered;
    onSubmit(this.#signIn, (fields) => this.#enter(fields));
    onSubmit(byId('register'), (fields) => this.#register(fields));
    onSubmit(byId('forgot'), (fields) => this.#forgot(fields));
    onSubmit(byId('reset'), (fields) => this.#reset(fields));
    for (const button of byId('welcome').querySelectorAll('[data-to]')) {
      button.addEventListener('click', () => this.show(button.dataset.to));
    }
    // Another name is another person, of whom nothing is known yet.
    this.#signIn.elements.login.addEventListener('input', () => this.#askForCode(false));
    byId('passkey-sign-in').hidden = !canUsePasskeys();
    byId('passkey-sign-in').addEventListener('click', (event) => whileBusy(event.currentTarget, () => this.#enterByPasskey()));
  }

  /** Shows one of the forms, with the keyboard in it unless nobody has asked for it yet. */
  show(name, { focus = true } = {}) {
    byId('welcome').hidden = false;
    for (const form of FORMS) byId(form).hidden = form !== name;
    clearErrors(byId(name));
    if (name !== 'reset') this.#resetToken = null;
    say(byId('sign-in-note'));
    if (!focus) return;
    const inputs = [...byId(name).querySelectorAll('input')].filter(({ offsetParent }) => offsetParent);
    (inputs.find(({ value }) => !value) ?? inputs[0])?.focus();
  }

  hide() {
    byId('welcome').hidden = true;
    for (const form of FORMS) byId(form).reset();
    this.#askForCode(false);
  }

  /** The sign-in form with good news, perhaps for `login`. */
  tell(words, login = null) {
    this.show('sign-in');
    say(byId('sign-in-note'), words);
    if (login === null) return;
    this.#signIn.elements.login.value = login;
    this.#signIn.elements.password.focus();
  }

  /** The sign-in form with bad news. */
  warn(words) {
    this.show('sign-in');
    say(this.#signIn.querySelector('[data-problem]'), words);
  }

  /** The form that sets a new password by the token of a mail. */
  chooseNewPassword(token) {
    this.show('reset');
    this.#resetToken = token;
  }

  /** Signs in without the form; a refusal is shown in it. */
  enterAs(login, password) {
    return submitting(this.#signIn, async () => {
      await this.#session.signIn(login, password);
      await this.#onEntered();
    });
  }

  async #enter({ login, password, code }) {
    try {
      await this.#session.signIn(login.value.trim(), password.value, code.value.trim());
    } catch (error) {
      if (error.code === 'mfa_required') return this.#askForCode(true);
      if (error.code === 'mfa_code_invalid') error.errors = { code: [error.message] };
      throw error;
    }
    return this.#onEntered();
  }

  async #enterByPasskey() {
    clearErrors(this.#signIn);
    try {
      await this.#session.signInByPasskey(await provePasskey());
      await this.#onEntered();
    } catch (error) {
      if (error.status === undefined) throw error;
      showErrors(this.#signIn, error);
    }
  }

  #askForCode(isAsked) {
    byId('code-field').hidden = !isAsked;
    byId('code').value = '';
    if (isAsked) byId('code').focus();
  }

  async #register(fields) {
    const [email, username] = [fields.email.value.trim(), fields.username.value.trim()];
    const isIn = await this.#session.register({ email, username, password: fields.password.value });
    if (isIn) return this.#onEntered();
    byId('register').reset();
    return this.tell(`We have sent a mail to ${email}. Follow the link in it within an hour, then sign in.`, email);
  }

  async #forgot({ email }) {
    const { detail } = await callAsStranger('auth/password/reset', { email: email.value.trim() });
    this.tell(detail, email.value.trim());
  }

  async #reset({ password }) {
    const { detail } = await callAsStranger('auth/password/reset/confirm', {
      token: this.#resetToken, password: password.value,
    });
    byId('reset').reset();
    // Whatever session this tab still held may have ended just now.
    this.#session.forget();
    this.tell(detail);
  }
}
