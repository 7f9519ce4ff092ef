// The account panel: its cards, opened together with what they show of the person who is signed in.

import { byId, el } from '../dom.js';
import { ChannelsCard } from './channels.js';
import { CompanyCard } from './company.js';
import { FactorsCard } from './factors.js';
import { IdentityCard } from './identity.js';
import { KeysCard } from './keys.js';
import { PreferencesCard } from './preferences.js';
import { PasswordCard, ProfileCard } from './profile.js';
import { SessionsCard } from './sessions.js';

export class AccountPanel {
  #isOpen = false;
  #profile;
  #company;
  #cards;

  /**
   * `onMe(me)` is told the account after a change, `onFactors(isEnrolled)` when a factor came or went, `onRules(rules)`
   * the preferences when they are saved.
   */
  constructor({ session, socket, onMe, onFactors, onRules }) {
    const sessions = new SessionsCard({ session });
    const keys = new KeysCard({ session });
    const identity = new IdentityCard({ session, socket });
    // The first factor ends other sessions, and opens what was shut to those who had to enrol one.
    const factorsChanged = (isEnrolled) => {
      for (const card of [sessions, keys, identity]) card.open();
      onFactors(isEnrolled);
    };
    this.#profile = new ProfileCard({ session, onChange: onMe });
    this.#company = new CompanyCard({ session });
    const endsOthers = () => { sessions.open(); keys.open(); };
    const columns = [
      [this.#profile, new PasswordCard({ session, onChange: endsOthers }), new FactorsCard({ session, onChange: factorsChanged }),
        sessions, keys, identity],
      [this.#company, new ChannelsCard({ session }), new PreferencesCard({ session, onChange: onRules })],
    ];
    this.#cards = columns.flat();
    byId('account').append(...columns.map((cards) => el('div', { class: 'account-column' }, cards.map(({ node }) => node))));
  }

  open(me) {
    if (this.#isOpen) return undefined;
    this.#isOpen = true;
    return Promise.all(this.#cards.map((card) => card.open(me)));
  }

  /** Shows an account that has changed elsewhere on the page. */
  showMe(me) {
    this.#profile.show(me);
    this.#company.open(me);
  }

  close() {
    this.#isOpen = false;
    for (const card of this.#cards) card.close();
  }
}
