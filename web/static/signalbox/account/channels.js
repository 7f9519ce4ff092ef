// Where notifications go beside this page: channels, added, proven, tried out, switched off and removed.

import { byId, el, reporting, say } from '../dom.js';
import { confirmed } from '../dialogs.js';
import { errorLine, field, onSubmit } from '../forms.js';
import { stamp } from '../stamp.js';
import { BrowserPush } from './browser-push.js';
import { actOn, card, focusTitle, row } from './card.js';
import { deliveriesOf, outcomeOf, tellOutcome } from './deliveries.js';
import { NewChannelForm } from './new-channel.js';
import { shownOnce } from './shown-once.js';

const PATH = 'notifications/channels';

export class ChannelsCard {
  #session;
  #me;
  #kinds = [];
  #load = 0;
  #list = el('ul', { class: 'rows' });
  #none = el('p', { class: 'empty', hidden: true }, 'Nothing is sent anywhere yet. Notifications wait for you on this page.');
  #made = el('div', { class: 'steps' });
  #browser;
  #form;
  #card = card('account-channels', 'Channels');

  constructor({ session }) {
    this.#session = session;
    this.#browser = new BrowserPush({
      session, card: this.#card, onChange: (words, channel) => this.#changed(words, channel),
    });
    this.#form = new NewChannelForm({ session, onMade: (channel) => this.#added(channel) });
    this.#card.node.append(this.#list, this.#none, this.#made, this.#browser.node, this.#form.node);
  }

  get node() {
    return this.#card.node;
  }

  open(me) {
    this.#me = me;
    return reporting(this.#card.problem, async () => {
      this.#kinds = await this.#session.get(`${PATH}/kinds`);
      this.#form.open(me, this.#kinds);
      await this.#read();
    });
  }

  close() {
    this.#load += 1;
    this.#list.replaceChildren();
    this.#made.replaceChildren();
    this.#browser.clear();
    this.#form.close();
    say(this.#card.done);
  }

  async #read() {
    const load = (this.#load += 1);
    const { results } = await this.#session.get(PATH, { size: 100 });
    // Left, or read anew meanwhile: what was asked for later counts.
    if (load !== this.#load) return;
    this.#none.hidden = results.length > 0;
    this.#list.replaceChildren(...results.map((channel) => this.#row(channel)));
    await this.#browser.show({ me: this.#me, kind: this.#kindOf('webpush'), channels: results });
  }

  #kindOf(key) {
    return this.#kinds.find(({ kind }) => kind === key);
  }

  #row(channel) {
    const kind = this.#kindOf(channel.kind);
    const [tone, word] = standingOf(channel);
    const name = channel.name || kind.label;
    const title = [name, ' ', el('span', { class: `chip ${tone}` }, word)];
    const item = row(title, linesOf(channel, kind), ...this.#actions(channel, kind, name));
    item.dataset.id = channel.id;
    if (channel.status === 'unverified' && kind.needs_code) item.append(this.#codeForm(channel));
    item.append(deliveriesOf(this.#session, channel));
    return item;
  }

  #actions(channel, kind, name) {
    const act = (words, work, className = 'small') => actOn(this.#card, words, className, work, `${words}: ${name}`);
    const isProven = channel.status !== 'unverified';
    const switched = channel.is_enabled ? 'Switch off' : 'Switch on';
    return [
      isProven && channel.is_enabled && act('Test', () => this.#test(channel)),
      !isProven && act(kind.needs_code ? 'Send another code' : 'Try again', () => this.#sendCode(channel)),
      isProven && act(switched, () => this.#switch(channel)),
      channel.kind === 'webhook' && act('New secret', () => this.#renewSecret(channel)),
      act('Remove', () => this.#remove(channel, name)),
    ];
  }

  #codeForm(channel) {
    const id = `channel-code-${channel.id}`;
    const form = el('form', { class: 'code-form', novalidate: true }, errorLine(),
      field({ id, name: 'code', label: 'The code that was sent there', maxlength: '20', autocomplete: 'one-time-code', autocapitalize: 'characters', spellcheck: 'false' }),
      el('button', { type: 'submit', class: 'primary' }, 'Verify'));
    onSubmit(form, async ({ code }) => {
      await this.#session.post(`${PATH}/${channel.id}/verify`, { code: code.value.trim() });
      await this.#changed('It is verified: notifications go there from now on.');
    });
    return form;
  }

  async #added(channel) {
    const kind = this.#kindOf(channel.kind);
    const isWaiting = channel.status === 'unverified';
    await this.#changed(isWaiting ? `A code is on its way to ${channel.address}. Enter it above.` : 'It is added and needs no code.');
    byId(`channel-code-${channel.id}`)?.focus();
    if (channel.secret) this.#showSecret(channel, kind.label);
    if (!isWaiting) return;
    // Where the code cannot be delivered, its owner should not wait for it.
    await reporting(this.#card.problem, async () => {
      const newest = await outcomeOf(this.#session, channel);
      if (newest?.reason) tellOutcome(this.#card, newest, 'The code');
    });
  }

  async #sendCode(channel) {
    await this.#session.post(`${PATH}/${channel.id}/code`);
    const newest = await outcomeOf(this.#session, channel);
    await this.#read();
    tellOutcome(this.#card, newest, this.#kindOf(channel.kind).needs_code ? 'The code' : 'The push');
  }

  async #test(channel) {
    const sent = await this.#session.post(`${PATH}/${channel.id}/test`);
    const newest = await outcomeOf(this.#session, channel, ({ id }) => id === sent.id);
    await this.#read();
    tellOutcome(this.#card, newest, 'The test');
  }

  async #switch(channel) {
    await this.#session.patch(`${PATH}/${channel.id}`, { is_enabled: !channel.is_enabled });
    await this.#changed(channel.is_enabled ? 'It is switched off: nothing is sent there.' : 'It is switched on.');
  }

  async #renewSecret(channel) {
    if (!await confirmed('Make a new secret?', 'For a day the old one signs as well; change your receiver until then.', 'Make a new one')) return;
    this.#showSecret({ ...channel, ...await this.#session.post(`${PATH}/${channel.id}/secret`) }, 'The new secret');
  }

  async #remove(channel, name) {
    if (!await confirmed(`Remove “${name}”?`, 'What waits for it is not sent, and nothing goes there from then on.', 'Remove')) return;
    await this.#session.delete(`${PATH}/${channel.id}`);
    await this.#changed(`“${name}” is removed.`);
  }

  #showSecret({ address, secret }, title) {
    const shown = shownOnce({
      title: `${title} of ${address}`,
      text: 'The secret that signs what we post there. It is shown this once; your receiver checks the signature with it.',
      lines: [secret],
      onKept: () => focusTitle(this.#card),
    });
    this.#made.replaceChildren(shown);
    shown.focus();
  }

  /** `channel` is one that its first message proves: shown again when that has been tried. */
  async #changed(words, channel) {
    await this.#read();
    say(this.#card.done, words);
    focusTitle(this.#card);
    if (!channel) return;
    const newest = await outcomeOf(this.#session, channel);
    await this.#read();
    tellOutcome(this.#card, newest, 'The first push');
  }
}

function standingOf({ status, last_error: error }) {
  if (status === 'unverified') return ['high', 'Not verified'];
  if (status === 'off') return ['', 'Off'];
  return status === 'paused' || error ? ['critical', 'Failing'] : ['good', 'Verified'];
}

function linesOf(channel, kind) {
  const { name, address, last_error: error, last_sent_at: sent, paused_until: until } = channel;
  const isPaused = channel.status === 'paused';
  return [
    name && name !== kind.label ? `${kind.label}, ${address}` : address,
    sent && ['Last sent ', stamp(sent)],
    error && [`Last error: ${error}`, ...(isPaused ? [' Tried again ', stamp(until), '.'] : [])],
  ];
}
