// The two questions that interrupt: whether one is sure, and whether one is who one was.

import { byId, el, whileBusy } from './dom.js';
import { clearErrors, showErrors } from './form-errors.js';
import { errorLine, field } from './forms.js';
import { canUsePasskeys, provePasskey } from './passkeys.js';

let last = 0;

/** Shows `form` in a dialogue; `close(value)` ends it, Escape ends it with undefined. */
function opened(title, form) {
  const name = `dialogue-${(last += 1)}`;
  const dialog = el('dialog', { class: 'dialogue card', 'aria-labelledby': name },
    el('h2', { id: name }, title), form);
  document.body.append(dialog);
  let answer;
  return {
    close: (value) => { answer = value; dialog.close(); },
    answer: new Promise((resolve) => {
      dialog.addEventListener('close', () => { dialog.remove(); resolve(answer); });
      dialog.showModal();
    }),
  };
}

/** Asks before something that cannot be undone; answers whether it is wanted. */
export async function confirmed(title, text, act) {
  const form = el('form', {},
    el('p', {}, text),
    el('div', { class: 'dialogue-foot' },
      el('button', { type: 'button', on: { click: () => dialogue.close(false) } }, 'Cancel'),
      el('button', { type: 'submit', class: 'danger' }, act)));
  form.addEventListener('submit', (event) => { event.preventDefault(); dialogue.close(true); });
  const dialogue = opened(title, form);
  return (await dialogue.answer) === true;
}

/**
 * Runs `work`. Where the server wants a fresh proof first, asks for one and runs it again.
 * Answers undefined where the person would not prove it.
 */
export async function withProof(session, work) {
  try {
    return await work();
  } catch (error) {
    if (error.code !== 'reauth_required') throw error;
    return (await new Proof(session).given()) ? work() : undefined;
  }
}

/** The dialogue in which somebody signed in proves it once more, by password, code or passkey. */
class Proof {
  #session;
  #form;
  #dialogue;

  constructor(session) {
    this.#session = session;
    this.#form = el('form', { novalidate: true },
      el('p', {}, 'It is a while since you signed in, and this needs to be you.'),
      errorLine(),
      field({ id: 'proof-password', name: 'password', label: 'Password', type: 'password', autocomplete: 'current-password' }),
      el('div', { class: 'other-proofs' }),
      el('div', { class: 'dialogue-foot' },
        el('button', { type: 'button', on: { click: () => this.#dialogue.close(false) } }, 'Cancel'),
        el('button', { type: 'submit', class: 'primary' }, 'Go on')));
    this.#form.addEventListener('submit', (event) => this.#submitted(event));
  }

  /** Whether it was proved. */
  async given() {
    this.#dialogue = opened('Prove that it is you', this.#form);
    this.#offerOthers();
    return (await this.#dialogue.answer) === true;
  }

  async #offerOthers() {
    const factors = await this.#session.get('auth/mfa').catch(() => []);
    const types = new Set(factors.map(({ type }) => type));
    const offers = [];
    if (types.has('totp')) offers.push(this.#offer('Use a code instead', () => this.#askForCode()));
    if (types.has('webauthn') && canUsePasskeys()) {
      offers.push(this.#offer('Use a passkey instead', (button) => this.#prove(button, provePasskey)));
    }
    this.#form.querySelector('.other-proofs').replaceChildren(...offers);
  }

  #offer(words, work) {
    return el('button', { type: 'button', class: 'link', on: { click: (event) => work(event.currentTarget) } }, words);
  }

  #askForCode() {
    const code = field({
      id: 'proof-code', name: 'code', label: 'Code of your app, or a recovery code', autocomplete: 'one-time-code', spellcheck: 'false',
    });
    byId('proof-password').closest('.field').replaceWith(code);
    this.#form.querySelector('.other-proofs button').remove();
    code.querySelector('input').focus();
  }

  #submitted(event) {
    event.preventDefault();
    const { password, code } = this.#form.elements;
    const proof = code ? { code: code.value.trim() } : { password: password.value };
    this.#prove(this.#form.querySelector('[type=submit]'), () => proof);
  }

  async #prove(button, proofOf) {
    clearErrors(this.#form);
    await whileBusy(button, async () => {
      try {
        await this.#session.post('auth/reauthenticate', await proofOf());
        this.#dialogue.close(true);
      } catch (error) {
        if (error.status === undefined) throw error;
        showErrors(this.#form, error);
      }
    });
  }
}
