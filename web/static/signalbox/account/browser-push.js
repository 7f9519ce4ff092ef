// Switches pushes to this browser on and off: a line in the card of channels.

import { el, swap } from '../dom.js';
import { isSubscribed, reasonAgainst, subscribe, unsubscribe } from '../push.js';
import { actOn } from './card.js';

const STORED_AS = 'signalbox.push.';

export class BrowserPush {
  #session;
  #card;
  #onChange;
  #node = el('div', { class: 'this-browser' });

  /** `onChange(words, channel)` is told what was done; `channel` is the new one, if there is one. */
  constructor({ session, card, onChange }) {
    this.#session = session;
    this.#card = card;
    this.#onChange = onChange;
  }

  get node() {
    return this.#node;
  }

  /** Shows how pushes to this browser stand for `me`, who has `channels`. */
  async show({ me, kind, channels }) {
    const against = reasonAgainst();
    const own = localStorage.getItem(STORED_AS + me.id);
    const isOn = !against && channels.some(({ id }) => String(id) === own) && await isSubscribed();
    const words = against || (isOn ? 'Notifications are shown by this browser, also while no page is open.'
      : 'Let this browser show notifications, also while no page is open.');
    const button = isOn
      ? actOn(this.#card, 'Stop here', 'small', () => this.#stop(me, own))
      : actOn(this.#card, 'Notify me in this browser', 'small accept', () => this.#begin(me, kind));
    const fresh = el('div', { class: 'this-browser' }, el('p', {}, el('b', {}, 'This browser'), ` ${words}`), !against && button);
    swap(this.#node, fresh);
    this.#node = fresh;
  }

  clear() {
    this.#node.replaceChildren();
  }

  async #begin(me, { options }) {
    const config = await subscribe(options.application_server_key);
    const channel = await this.#session.post('notifications/channels', { kind: 'webpush', name: 'This browser', config });
    localStorage.setItem(STORED_AS + me.id, channel.id);
    await this.#onChange('A first push is on its way to this browser.', channel);
  }

  async #stop(me, channelId) {
    await this.#session.delete(`notifications/channels/${channelId}`);
    localStorage.removeItem(STORED_AS + me.id);
    // Somebody else who uses this browser may still want theirs.
    if (!Object.keys(localStorage).some((name) => name.startsWith(STORED_AS))) await unsubscribe();
    await this.#onChange('This browser gets no more pushes.');
  }
}
