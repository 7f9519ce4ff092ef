// The notifications panel: the inbox by REST, each new one by socket in stream order, and what one may answer.

import { announce, byId, reporting, say, swap, whileBusy } from './dom.js';
import { InboxFilter } from './inbox-filter.js';
import { noteRow } from './inbox-row.js';
import { StreamPositions } from './positions.js';
import { OtherTabs } from './tabs.js';

const SHOWN = 20;
const MOST_SHOWN = 60;
const ID = /^[0-9a-f-]{32,36}$/i;
const NOTHING = 'Nothing here yet. Subscribe to a formula and its signals are sent to you.';
const NOTHING_FITS = 'Nothing here of what you have chosen.';
const UNKNOWN_RULES = { default: null, types: {} };

export class InboxPanel {
  #session;
  #onUnread;
  #positions = new StreamPositions();
  #subscription;
  #filter = new InboxFilter(() => { this.#sought = null; this.#reload(); });
  #tabs = new OtherTabs((news) => this.#heard(news));
  #rules = UNKNOWN_RULES;
  #items = new Map(); // id → {notification, node}
  #unread = 0;
  #total = 0; // how many the server has of what is chosen
  #most = MOST_SHOWN;
  #load = 0;
  #isLoading = false;
  #early = []; // those pushed since the list was last asked for
  #sought = null; // one that was looked for, which may be older than what is listed
  #isOpen = false;
  #acting = new Set(); // ids of what this tab is just reading or answering

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
    socket.on('notifications.changed', ({ payload }) => this.#changed(payload));
    socket.on('reset', ({ payload }) => this.#reset(payload?.streams));
    byId('read-all').addEventListener('click', (event) => this.#readAll(event.currentTarget));
    byId('inbox-more').addEventListener('click', (event) => this.#loadOlder(event.currentTarget));
    document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && this.#reread());
  }

  open(me) {
    this.#isOpen = true;
    this.#tabs.belongTo(me.id);
    return Promise.all([this.#reload(), this.#learn()]);
  }

  close() {
    this.#isOpen = false;
    this.#tabs.belongTo(null);
    this.#positions.forget();
    this.#filter.clear();
    this.#sought = null;
    this.#rules = UNKNOWN_RULES;
    this.#items.clear();
    this.#total = 0;
    byId('inbox-list').replaceChildren();
    this.#count(0);
  }

  /** Takes preferences that were just saved: what is muted is marked, and what comes by socket follows them. */
  follow(rules) {
    this.#mark(rules);
    this.#subscription.renew();
  }

  /** Brings the notification with this id into view, wherever in the inbox it is. */
  async find(id) {
    if (!ID.test(id)) return;
    if (!this.#items.has(id)) {
      const found = await reporting(byId('inbox-problem'), () => this.#session.get(`notifications/${id}`));
      if (!found || !this.#isOpen) return;
      this.#sought = found;
      if (!this.#items.has(id)) this.#insert(found);
    }
    const { node } = this.#items.get(id);
    node.classList.add('arriving');
    node.scrollIntoView({ block: 'center' });
    node.focus({ preventScroll: true });
  }

  /** What the types are, and which of them are muted: the list can be read without knowing. */
  async #learn() {
    const [rules, { by_type: types }] = await Promise.all([
      this.#session.get('notifications/preferences'), this.#session.get('notifications/stats/summary'),
    ]).catch((error) => { if (error.status === undefined) throw error; return [UNKNOWN_RULES, { by_type: {} }]; });
    if (!this.#isOpen) return;
    this.#filter.offer(Object.keys(types));
    this.#mark(rules);
  }

  #mark(rules) {
    this.#rules = rules;
    for (const { notification, node } of [...this.#items.values()]) swap(node, this.#keep(notification));
  }

  #ask(page = 1) {
    return reporting(byId('inbox-problem'), () => this.#session.get(
      'notifications/', { size: SHOWN, page: page === 1 ? null : page, ...this.#filter.query },
    ));
  }

  async #reload() {
    if (!this.#isOpen) return;
    const load = (this.#load += 1);
    this.#early = [];
    this.#setLoading(true);
    const answer = await this.#ask();
    if (load === this.#load) this.#setLoading(false);
    // Of two lists on their way only the one asked for last counts: an older one would bring back what has left it.
    if (!answer || !this.#isOpen || load !== this.#load) return;
    // Those pushed while the list was on its way are newer than it and stay on top, as they stand by now.
    const listed = new Set(answer.results.map(({ id }) => id));
    const onTop = this.#early.filter((id) => !listed.has(id) && this.#items.has(id))
      .map((id) => this.#items.get(id).notification);
    this.#items.clear();
    this.#most = MOST_SHOWN;
    const shown = onTop.filter((one) => this.#filter.fits(one));
    const focused = document.activeElement.closest('#inbox-list > li')?.dataset.id;
    byId('inbox-list').replaceChildren(...[...shown, ...answer.results].map((one) => this.#keep(one)));
    if (this.#sought && !this.#items.has(this.#sought.id)) this.#insert(this.#sought);
    this.#items.get(focused)?.node.focus({ preventScroll: true });
    this.#total = (answer.total ?? answer.results.length) + shown.length;
    this.#count((answer.unread_count ?? 0) + onTop.filter((one) => !one.read).length);
  }

  #setLoading(isLoading) {
    this.#isLoading = isLoading;
    byId('inbox-list').setAttribute('aria-busy', String(isLoading));
  }

  // While nobody looked, something may have been answered by a mail or on a phone.
  async #reread() {
    if (!this.#isOpen) return;
    const load = this.#load;
    const answer = await this.#ask();
    if (!answer || !this.#isOpen || load !== this.#load) return;
    for (const notification of answer.results) this.#replace(notification);
    this.#count(answer.unread_count);
  }

  async #loadOlder(button) {
    const load = this.#load;
    // Counted anew each time: rows come on top and leave what is chosen, so that pages move.
    const first = Math.floor(this.#fitting() / SHOWN) + 1;
    const pages = await whileBusy(button, () => Promise.all([this.#ask(first), this.#ask(first + 1)]));
    if (!pages.every(Boolean) || !this.#isOpen || load !== this.#load) return;
    const older = pages.flatMap(({ results }) => results).filter(({ id }) => !this.#items.has(id)).slice(0, SHOWN)
      .map((one) => this.#insert(one));
    this.#most = Math.max(this.#most, this.#items.size);
    this.#total = older.length ? pages[1].total : this.#fitting();
    this.#count(pages[1].unread_count);
    older[0]?.focus();
  }

  #fitting() {
    return [...this.#items.values()].filter(({ notification }) => this.#filter.fits(notification)).length;
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
    this.#filter.offer([notification.type]);
    if (this.#filter.fits(notification)) {
      this.#early.unshift(notification.id);
      const node = this.#keep(notification);
      node.classList.add('arriving');
      byId('inbox-list').prepend(node);
      this.#total += 1;
      this.#trim();
    }
    this.#count(this.#unread + (notification.read ? 0 : 1));
    announce(`${notification.title}. ${notification.message}`);
  }

  /** The row of `notification`, put where its time is. */
  #insert(notification) {
    const list = byId('inbox-list');
    const timeOf = ({ created_at: at }) => Date.parse(at);
    const older = [...list.children].find(({ dataset: { id } }) => (
      timeOf(this.#items.get(id).notification) < timeOf(notification)));
    return list.insertBefore(this.#keep(notification), older ?? null);
  }

  #trim() {
    const list = byId('inbox-list');
    while (list.children.length > this.#most) {
      this.#items.delete(list.lastChild.dataset.id);
      list.lastChild.remove();
    }
  }

  #keep(notification) {
    const rule = this.#rules.types[notification.type] ?? this.#rules.default;
    const node = noteRow(notification, {
      isMuted: Boolean(rule) && !rule.channels.includes('in_app'),
      act: (button, { respond }) => this.#act(button, notification.id, respond),
    });
    this.#items.set(notification.id, { notification, node });
    return node;
  }

  #replace(notification) {
    const known = this.#items.get(notification.id);
    if (!known) return;
    const change = (claim) => Number(Boolean(claim(notification))) - Number(Boolean(claim(known.notification)));
    const nowRead = change(({ read }) => read);
    this.#total += change((one) => this.#filter.fits(one));
    swap(known.node, this.#keep(notification));
    this.#count(this.#unread - nowRead);
  }

  #count(unread) {
    this.#unread = Math.max(0, unread);
    byId('read-all').disabled = this.#unread === 0;
    byId('inbox-empty').hidden = this.#items.size > 0 || !this.#isOpen;
    byId('inbox-empty').textContent = this.#filter.isOn ? NOTHING_FITS : NOTHING;
    byId('inbox-more').hidden = this.#total <= this.#fitting();
    this.#onUnread(this.#unread);
  }

  async #act(button, id, answer) {
    const work = () => (answer
      ? this.#session.post(`notifications/${id}/respond`, { response: answer }) : this.#session.put(`notifications/${id}/read`));
    const isDoubtful = this.#isLoading;
    this.#acting.add(id);
    const changed = await whileBusy(button, () => reporting(byId('inbox-problem'), work));
    this.#acting.delete(id);
    if (!changed) return;
    this.#tabs.tell({ changed });
    this.#take(changed, isDoubtful);
  }

  // A list that was read while something changed may hold half of it: a row from before and a count from after.
  #take(changed, isDoubtful = false) {
    this.#replace(changed);
    if (isDoubtful || this.#isLoading) this.#reload();
  }

  async #readAll(button) {
    const work = () => this.#session.post('notifications/read-all');
    const done = await whileBusy(button, () => reporting(byId('inbox-problem'), work));
    if (done !== undefined) {
      this.#tabs.tell({});
      await this.#reload();
    }
    byId('inbox-title').focus({ preventScroll: true });
  }

  /** What another tab did: one notification has changed, or all of them. */
  // Told of what this tab itself did as well, which it shows already or is about to.
  async #changed({ change, ids, response }) {
    if (!this.#isOpen) return;
    if (ids.length === 0 || change === 'hidden') { this.#reload(); return; }
    for (const id of ids.filter((one) => !this.#acting.has(one))) {
      const known = this.#items.get(id)?.notification;
      if (!known) this.#reread();
      else if (change === 'responded' ? known.response !== response : known.read !== (change === 'read')) await this.#refresh(id);
    }
  }

  async #refresh(id) {
    const changed = await reporting(byId('inbox-problem'), () => this.#session.get(`notifications/${id}`));
    if (changed && this.#items.has(id)) this.#take(changed);
  }

  #heard({ changed }) {
    if (!this.#isOpen) return;
    if (!changed) this.#reload();
    else if (this.#items.has(changed.id)) this.#take(changed);
    else this.#reread();
  }
}
