// Where one is signed in, and signing out elsewhere.

import { el, reporting, say } from '../dom.js';
import { stamp } from '../stamp.js';
import { actOn, card, focusTitle, row } from './card.js';

const BROWSERS = [[/Edg\//, 'Edge'], [/OPR\//, 'Opera'], [/Firefox\//, 'Firefox'], [/Chrome\//, 'Chrome'], [/Safari\//, 'Safari']];
const SYSTEMS = [[/Android/, 'Android'], [/iPhone|iPad/, 'iOS'], [/Windows/, 'Windows'], [/Mac OS X/, 'macOS'], [/Linux/, 'Linux']];

export class SessionsCard {
  #session;
  #list = el('ul', { class: 'rows' });
  #card = card('account-sessions', 'Where you are signed in', this.#list);

  constructor({ session }) {
    this.#session = session;
  }

  get node() {
    return this.#card.node;
  }

  open() {
    return reporting(this.#card.problem, async () => {
      const { results } = await this.#session.get('auth/sessions', { size: 100 });
      this.#list.replaceChildren(...results.map((one) => this.#row(one)));
    });
  }

  close() {
    this.#list.replaceChildren();
    say(this.#card.done);
  }

  #row(one) {
    const name = deviceOf(one.user_agent);
    const since = ['Signed in ', stamp(one.created_at), ', last seen ', stamp(one.last_used_at)];
    const action = one.is_current
      ? el('span', { class: 'chip good' }, 'This one')
      : actOn(this.#card, 'Sign out', 'small', () => this.#end(one), `Sign out: ${name}`);
    return row(name, [since, one.address && `From ${one.address}`], action);
  }

  async #end({ id }) {
    await this.#session.delete(`auth/sessions/${id}`);
    await this.open();
    say(this.#card.done, 'Signed out there.');
    focusTitle(this.#card);
  }
}

function deviceOf(agent = '') {
  const named = (list) => list.find(([pattern]) => pattern.test(agent))?.[1];
  const [browser, system] = [named(BROWSERS), named(SYSTEMS)];
  if (browser) return system ? `${browser} on ${system}` : browser;
  return agent.slice(0, 60) || 'Unknown program';
}
