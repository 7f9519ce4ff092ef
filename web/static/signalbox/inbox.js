// The notifications panel: the inbox by REST, each new one by socket in stream order, and what one may answer.

import { announce, byId, el, reporting, say, swap, whileBusy } from './dom.js';
import { moment } from './format.js';
import { StreamPositions } from './positions.js';

const SHOWN = 20;
const MOST_SHOWN = 60;
const LOUD = new Set(['critical', 'high', 'error']);
const ANSWERS = { accept: 'Accepted', reject: 'Rejected' };

// Every trade signal is of high priority, so that the word would say nothing beside one.
const isLoud = ({ type, priority }) => LOUD.has(priority) && !(type === 'trade_signal' && priority === 'high');

export class InboxPanel {
  #session;
  #onUnread;
  #positions = new StreamPositions();
  #subscription;
  #items = new Map(); // id → {notification, node}
  #unread = 0;
  #load = 0;
  #early = []; // those pushed since the list was last asked for
  #isOpen = false;

  /** `onUnread(count)` is told how many are unread. */
  constructor({ session, socket, onUnread }) {
    this.#session = session;
    this.#onUnread = onUnread;
    this.#subscription = socket.subscribe('notifications.subscribe', () => {
      this.#positions.beginCatchUp();
      return this.#positions.asPayload();
    }, { onError: (error) => say(byId('inbox-problem'), `No live notifications: ${error.message}`) });
    socket.on('notification', (message) => this.#arrived(message));
    // Read once more when caught up: what came between the first reading and the subscription is in neither.
    socket.on('notifications.live', ({ payload }) => this.#positions.adopt(payload?.streams) && this.#reload());
    socket.on('notifications.heads', ({ payload }) => this.#compare(payload?.streams));
    socket.on('reset', ({ payload }) => this.#reset(payload?.streams));
    byId('read-all').addEventListener('click', (event) => this.#readAll(event.currentTarget));
  }

  open() {
    this.#isOpen = true;
    return this.#reload();
  }

  close() {
    this.#isOpen = false;
    this.#positions.forget();
    this.#items.clear();
    byId('inbox-list').replaceChildren();
    this.#count(0);
  }

  async #reload() {
    if (!this.#isOpen) return;
    const load = (this.#load += 1);
    this.#early = [];
    const answer = await reporting(
      byId('inbox-problem'), () => this.#session.get('notifications/', { size: SHOWN }),
    );
    // Of two lists on their way only the one asked for last counts: an older one would bring back what has left it.
    if (!answer || !this.#isOpen || load !== this.#load) return;
    // Those pushed while the list was on its way are newer than it and stay on top, as they stand by now.
    const listed = new Set(answer.results.map(({ id }) => id));
    const onTop = this.#early.filter((id) => !listed.has(id) && this.#items.has(id))
      .map((id) => this.#items.get(id).notification);
    this.#items.clear();
    byId('inbox-list').replaceChildren(...[...onTop, ...answer.results].map((one) => this.#keep(one)));
    this.#count((answer.unread_count ?? 0) + onTop.filter((one) => !one.read).length);
  }

  #reset(streams) {
    this.#positions.forget(streams);
    this.#reload();
  }

  #compare(heads) {
    if (this.#positions.isBehind(heads)) this.#subscription.renew();
  }

  #arrived(message) {
    if (!this.#isOpen) return;
    const notification = message.payload;
    const stream = message.stream ?? notification.stream;
    const verdict = this.#positions.judge({ stream, seq: message.seq ?? notification.seq, epoch: message.epoch });
    if (verdict === 'gap') this.#subscription.renew();
    if (verdict === 'show') this.#show(notification);
  }

  #show(notification) {
    // A repeat is told as it was first sent; the list knows better whether it has been read since.
    if (this.#items.has(notification.id)) return;
    this.#early.unshift(notification.id);
    const node = this.#keep(notification);
    node.classList.add('arriving');
    byId('inbox-list').prepend(node);
    this.#trim();
    this.#count(this.#unread + (notification.read ? 0 : 1));
    announce(`${notification.title}. ${notification.message}`);
  }

  #trim() {
    const list = byId('inbox-list');
    while (list.children.length > MOST_SHOWN) {
      this.#items.delete(list.lastChild.dataset.id);
      list.lastChild.remove();
    }
  }

  #keep(notification) {
    const node = this.#row(notification);
    this.#items.set(notification.id, { notification, node });
    return node;
  }

  #replace(notification) {
    const known = this.#items.get(notification.id);
    if (!known) return;
    const nowRead = Number(Boolean(notification.read)) - Number(Boolean(known.notification.read));
    swap(known.node, this.#keep(notification));
    this.#count(this.#unread - nowRead);
  }

  #count(unread) {
    this.#unread = Math.max(0, unread);
    byId('read-all').disabled = this.#unread === 0;
    byId('inbox-empty').hidden = this.#items.size > 0 || !this.#isOpen;
    this.#onUnread(this.#unread);
  }

  #row(notification) {
    const { id, title, message, read, priority, created_at: at } = notification;
    return el(
      'li', { class: read ? 'row note' : 'row note fresh', 'data-id': id, tabindex: '-1' },
      el('span', { class: 'note-dot', role: 'img', 'aria-label': read ? 'Read' : 'Unread' }),
      el('div', { class: 'note-head' },
        el('h3', {}, title),
        isLoud(notification) && el('span', { class: `chip ${priority}` }, priority),
        el('time', { datetime: at }, moment(at))),
      el('p', {}, message),
      this.#actions(notification),
    );
  }

  #actions(notification) {
    const { id, type, read, response, title } = notification;
    const act = (words, className, work) => el('button', {
      type: 'button', class: className, 'aria-label': `${words}: ${title}`,
      on: { click: (event) => this.#act(event.currentTarget, work) },
    }, words);
    const respond = (answer) => () => this.#session.post(`notifications/${id}/respond`, { response: answer });
    const parts = [];
    if (response) parts.push(el('span', { class: `answer ${response}` }, ANSWERS[response] ?? response));
    else if (type === 'trade_signal') {
      parts.push(act('Accept', 'small accept', respond('accept')), act('Reject', 'small', respond('reject')));
    }
    if (!read) parts.push(act('Mark read', 'quiet small', () => this.#session.put(`notifications/${id}/read`)));
    return parts.length ? el('div', { class: 'note-actions' }, parts) : null;
  }

  async #act(button, work) {
    const changed = await whileBusy(button, () => reporting(byId('inbox-problem'), work));
    if (changed?.id) this.#replace(changed);
    else if (changed !== undefined) await this.#reload();
  }

  async #readAll(button) {
    const work = () => this.#session.post('notifications/read-all');
    const done = await whileBusy(button, () => reporting(byId('inbox-problem'), work));
    if (done !== undefined) await this.#reload();
    byId('inbox-title').focus({ preventScroll: true });
  }
}
