// Second factors: an authenticator app, passkeys, and the recovery codes that come with the first of them.

import { el, reporting, say } from '../dom.js';
import { confirmed, withProof } from '../dialogs.js';
import { field, errorLine, onSubmit } from '../forms.js';
import { canUsePasskeys, makePasskey } from '../passkeys.js';
import { stamp } from '../stamp.js';
import { actOn, card, focusTitle, row } from './card.js';
import { qrCode } from './qr.js';
import { shownOnce } from './shown-once.js';

const CODES = 'recovery_codes';

export class FactorsCard {
  #session;
  #onChange;
  #isEnrolled = false;
  #list = el('ul', { class: 'rows' });
  #none = el('p', { class: 'empty', hidden: true },
    'Your password alone signs you in. With an app or a passkey a stolen password is not enough.');
  #steps = el('div', { class: 'steps' });
  #actions = el('div', { class: 'card-actions' });
  #card = card('account-factors', 'Second factors', this.#list, this.#none, this.#steps, this.#actions);

  /** `onChange(isEnrolled)` is told when a factor came or went: the first one ends all other sessions. */
  constructor({ session, onChange }) {
    this.#session = session;
    this.#onChange = onChange;
  }

  get node() {
    return this.#card.node;
  }

  open() {
    return reporting(this.#card.problem, async () => this.#show(await this.#session.get('auth/mfa')));
  }

  close() {
    this.#list.replaceChildren();
    this.#steps.replaceChildren();
    this.#actions.replaceChildren();
    say(this.#card.done);
  }

  #show(factors) {
    const proper = factors.filter(({ type }) => type !== CODES);
    this.#isEnrolled = proper.length > 0;
    this.#none.hidden = this.#isEnrolled;
    this.#list.replaceChildren(...factors.map((factor) => this.#row(factor)));
    const hasApp = factors.some(({ type }) => type === 'totp');
    this.#actions.replaceChildren(...[
      !hasApp && actOn(this.#card, 'Add an authenticator app', '', () => this.#beginApp()),
      canUsePasskeys() && actOn(this.#card, 'Add a passkey', '', () => this.#askForName()),
      this.#isEnrolled && actOn(this.#card, 'New recovery codes', 'quiet', () => this.#renewCodes()),
    ].filter(Boolean));
  }

  #row(factor) {
    if (factor.type === CODES) return row('Recovery codes', [`${factor.codes_left} left, each good once`]);
    const isApp = factor.type === 'totp';
    const title = isApp ? 'Authenticator app' : factor.name;
    const used = factor.last_used_at ? [', last used ', stamp(factor.last_used_at)] : [', not used yet'];
    return row(title, [[isApp ? 'Added ' : 'Passkey, added ', stamp(factor.created_at), ...used]],
      actOn(this.#card, 'Remove', 'small', () => this.#remove(factor, title), `Remove: ${title}`));
  }

  async #remove(factor, title) {
    if (!await confirmed(`Remove “${title}”?`, 'From then on it cannot sign you in. The recovery codes go with your last factor.', 'Remove')) return;
    const done = await withProof(this.#session, async () => { await this.#session.delete(`auth/mfa/${factor.id}`); return true; });
    if (done) await this.#changed(`“${title}” is removed.`);
  }

  async #beginApp() {
    const begun = await withProof(this.#session, () => this.#session.post('auth/mfa/totp'));
    if (!begun) return;
    const form = el('form', { class: 'step', novalidate: true },
      el('h3', {}, 'Add an authenticator app'),
      el('p', {}, 'Scan this with your app, or type the secret into it. Then give the six digits that it shows.'),
      errorLine(),
      el('div', { class: 'enrolment' }, qrCode(begun.qr_svg, 'QR code for your authenticator app'),
        el('div', { class: 'enrolment-words' },
          el('p', { class: 'secret-label' }, 'Secret'),
          el('code', { class: 'secret', id: 'totp-secret' }, begun.secret.match(/.{1,4}/g).join(' ')),
          el('p', {}, el('a', { href: begun.otpauth_url }, 'Open in an app on this device')))),
      field({ id: 'totp-code', name: 'code', label: 'Six digits', inputmode: 'numeric', autocomplete: 'one-time-code', maxlength: '12' }),
      this.#foot('Add app'));
    onSubmit(form, async ({ code }) => {
      const { recovery_codes: codes } = await this.#session.post('auth/mfa/totp/confirm', { code: code.value.trim() });
      await this.#enrolled('Your authenticator app is added.', codes);
    });
    this.#showStep(form);
  }

  #askForName() {
    const form = el('form', { class: 'step', novalidate: true },
      el('h3', {}, 'Add a passkey'),
      el('p', {}, 'Your device, a phone or a security key keeps it; it signs you in without a password.'),
      errorLine(),
      field({ id: 'passkey-name', name: 'name', label: 'Name', value: 'My passkey', maxlength: '100', errorFor: 'name credential', autocomplete: 'off' }),
      this.#foot('Make passkey'));
    onSubmit(form, ({ name }) => this.#addPasskey(name.value.trim() || 'Passkey'));
    this.#showStep(form);
  }

  async #addPasskey(name) {
    const begun = await withProof(this.#session, () => this.#session.post('auth/mfa/webauthn'));
    if (!begun) return;
    const answer = await makePasskey(begun);
    const { recovery_codes: codes } = await this.#session.post('auth/mfa/webauthn/confirm', { ...answer, name });
    await this.#enrolled(`The passkey “${name}” is added.`, codes);
  }

  async #renewCodes() {
    if (!await confirmed('New recovery codes?', 'The ones you have now are worth nothing from then on.', 'Make new codes')) return;
    const made = await withProof(this.#session, () => this.#session.post('auth/mfa/recovery-codes'));
    if (made) await this.#enrolled('Your old recovery codes are worth nothing any more.', made.recovery_codes);
  }

  #foot(words) {
    return el('div', { class: 'form-foot' },
      el('button', { type: 'button', class: 'quiet', on: { click: () => { this.#steps.replaceChildren(); focusTitle(this.#card); } } }, 'Cancel'),
      el('button', { type: 'submit', class: 'primary' }, words));
  }

  #showStep(step) {
    this.#steps.replaceChildren(step);
    (step.querySelector('input') ?? step).focus();
  }

  async #enrolled(words, codes) {
    this.#steps.replaceChildren();
    await this.#changed(words);
    if (!codes.length) return;
    this.#showStep(shownOnce({
      title: 'Your recovery codes',
      text: 'Each signs you in once when your app or passkey is lost. They are shown this once: print them or keep them safe.',
      lines: codes,
      onKept: () => focusTitle(this.#card),
    }));
  }

  async #changed(words) {
    await this.open();
    say(this.#card.done, words);
    focusTitle(this.#card);
    this.#onChange(this.#isEnrolled);
  }
}
