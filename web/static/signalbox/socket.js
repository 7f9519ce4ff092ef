// The socket client: requests with answers, subscriptions that survive reconnecting, a heartbeat, and polite retries.

import { ApiError } from './api.js';

const HEARTBEAT_EVERY = 20_000;
const PONG_WITHIN = 10_000;
const ANSWER_WITHIN = 15_000;
const STEADY_AFTER = 10_000;
const SHORTEST_WAIT = 500;
const LONGEST_WAIT = 30_000;
const REMEMBERED_EVENTS = 1000;
const WARNED_AHEAD = 45; // seconds; the server warns 30 s before it closes
const REFUSED = new Set([4400, 4403]);
const UNAUTHENTICATED = 4401;
const OVER_LIMIT = 4429;
const CAN_UNSUBSCRIBE = new Set(['bars.subscribe', 'quotes.subscribe']);

/**
 * One connection to `/api/v1/ws` as `session` (an object with `freshToken` and `renewedToken`).
 * Events by `on(name, handler)`: any pushed message type, and of its own `state` (connecting, live, reconnecting,
 * stopped). A subscription's `onAnswer` tells each time it begins: what was read by REST before may be stale.
 */
export class SocketClient {
  #session;
  #url;
  #socket = null;
  #isWanted = false;
  #wasLive = false;
  #state = 'stopped';
  #attempt = 0;
  #mustRenew = false;
  #lastId = 0;
  #timers = {};
  #waiting = new Map();
  #subscriptions = new Set();
  #listeners = new Map();
  #seen = new Set();
  #goOnline = () => this.#state === 'reconnecting' && this.#connect();

  constructor(session, url = socketAddress('/api/v1/ws')) {
    this.#session = session;
    this.#url = url;
  }

  start() {
    this.#isWanted = true;
    addEventListener('online', this.#goOnline);
    this.#setState('connecting');
    this.#connect();
  }

  stop() {
    this.#isWanted = false;
    this.#wasLive = false;
    removeEventListener('online', this.#goOnline);
    this.#release(1000);
    this.#setState('stopped');
  }

  on(name, handler) {
    if (!this.#listeners.has(name)) this.#listeners.set(name, new Set());
    this.#listeners.get(name).add(handler);
    return () => this.#listeners.get(name).delete(handler);
  }

  /** Sends one request; resolves with the answer's payload, rejects with an `ApiError`. */
  request(type, payload = {}) {
    return new Promise((resolve, reject) => {
      if (this.#socket?.readyState !== WebSocket.OPEN) return reject(notConnected());
      const id = String((this.#lastId += 1));
      const timer = setTimeout(() => this.#settle(id, 'reject', new ApiError(0, {
        code: 'timeout', detail: 'The server did not answer in time.',
      })), ANSWER_WITHIN);
      this.#waiting.set(id, { resolve, reject, timer });
      this.#socket.send(JSON.stringify({ type, id, payload }));
    });
  }

  /**
   * Keeps a subscription for as long as the client lives: sent now or on connect, and again after each reconnect.
   * `payload` may be a function, called each time. Answers `{renew, cancel}`.
   */
  subscribe(type, payload = {}, { onAnswer = () => {}, onError = () => {} } = {}) {
    const entry = { type, payload, onAnswer, onError };
    this.#subscriptions.add(entry);
    const isOpen = () => this.#socket?.readyState === WebSocket.OPEN;
    if (isOpen()) this.#sendSubscription(entry);
    return {
      renew: () => isOpen() && this.#sendSubscription(entry),
      cancel: () => {
        this.#subscriptions.delete(entry);
        if (CAN_UNSUBSCRIBE.has(type) && isOpen()) {
          this.request(type.replace('.subscribe', '.unsubscribe'), valueOf(payload)).catch(() => {});
        }
      },
    };
  }

  #sendSubscription(entry) {
    const isKept = () => this.#subscriptions.has(entry);
    this.request(entry.type, valueOf(entry.payload)).then(
      (answer) => isKept() && entry.onAnswer(answer),
      // A lost connection is not the subscriber's affair: it is subscribed anew on the next one.
      (error) => isKept() && error.code !== 'not_connected' && entry.onError(error),
    );
  }

  async #connect() {
    clearTimeout(this.#timers.retry);
    if (!this.#isWanted) return;
    let token;
    try {
      token = this.#mustRenew ? await this.#session.renewedToken() : await this.#session.freshToken();
      this.#mustRenew = false;
    } catch (error) {
      // An ended session is announced by the session itself; anything else may pass.
      if (error.status === 0 || error.status >= 429) this.#retry();
      return;
    }
    if (!this.#isWanted) return;
    this.#release();
    const socket = new WebSocket(this.#url, ['bearer', token]);
    this.#socket = socket;
    socket.onopen = () => this.#opened();
    socket.onmessage = (event) => this.#received(event.data);
    socket.onclose = (event) => socket === this.#socket && this.#closed(event.code);
  }

  #opened() {
    this.#timers.steady = setTimeout(() => { this.#attempt = 0; }, STEADY_AFTER);
    this.#timers.heartbeat = setInterval(() => this.#beat(), HEARTBEAT_EVERY);
    this.#beat();
    for (const entry of this.#subscriptions) this.#sendSubscription(entry);
  }

  #beat() {
    this.#socket.send(JSON.stringify({ type: 'ping' }));
    clearTimeout(this.#timers.watchdog);
    // A dead line does not report itself, and a polite close would wait for the same silent peer.
    this.#timers.watchdog = setTimeout(() => this.#closed(1006), PONG_WITHIN);
  }

  #received(text) {
    clearTimeout(this.#timers.watchdog);
    this.#becomeLive();
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      return;
    }
    if (message.id != null && this.#waiting.has(String(message.id))) this.#answer(message);
    else if (message.type === 'auth.expiring') this.#prolong();
    else if (!this.#isRepeat(message.event_id)) this.#emit(message.type, message);
  }

  #becomeLive() {
    if (this.#state === 'live') return;
    this.#wasLive = true;
    this.#setState('live');
  }

  #answer({ id, type, payload = {}, status, message }) {
    const verdict = payload?.status ?? status;
    if (type === 'error' || verdict === 'error') {
      const detail = payload.detail ?? payload.message ?? message;
      const code = Number.isInteger(verdict) ? verdict : 400;
      this.#settle(String(id), 'reject', new ApiError(code, { ...payload, detail }));
    } else {
      this.#settle(String(id), 'resolve', payload);
    }
  }

  #isRepeat(eventId) {
    if (eventId == null) return false;
    if (this.#seen.has(eventId)) return true;
    this.#seen.add(eventId);
    if (this.#seen.size > REMEMBERED_EVENTS) this.#seen.delete(this.#seen.values().next().value);
    return false;
  }

  async #prolong() {
    try {
      await this.request('auth', { token: await this.#session.freshToken(WARNED_AHEAD) });
    } catch {
      // The server then closes with 4401, and the way back in begins with a new token.
      this.#mustRenew = true;
    }
  }

  #closed(code) {
    this.#release();
    if (!this.#isWanted) return;
    if (REFUSED.has(code)) {
      this.#isWanted = false;
      this.#setState('stopped');
      return;
    }
    if (code === UNAUTHENTICATED) this.#mustRenew = true;
    this.#retry(code === OVER_LIMIT ? LONGEST_WAIT : 0);
  }

  #retry(atLeast = 0) {
    this.#setState(this.#wasLive ? 'reconnecting' : 'connecting');
    const ceiling = Math.min(LONGEST_WAIT, SHORTEST_WAIT * 2 ** (this.#attempt += 1));
    const wait = atLeast + SHORTEST_WAIT + Math.random() * (ceiling - SHORTEST_WAIT);
    clearTimeout(this.#timers.retry);
    this.#timers.retry = setTimeout(() => this.#connect(), wait);
  }

  #release(code) {
    const socket = this.#socket;
    this.#socket = null;
    for (const name of ['steady', 'watchdog', 'retry']) clearTimeout(this.#timers[name]);
    clearInterval(this.#timers.heartbeat);
    for (const id of [...this.#waiting.keys()]) this.#settle(id, 'reject', notConnected());
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    const close = () => socket.close(code ?? 1000);
    // Closed before it is open, it would be reported as a failure.
    if (socket.readyState === WebSocket.CONNECTING) socket.onopen = close;
    else if (socket.readyState === WebSocket.OPEN) close();
  }

  #settle(id, how, value) {
    const waiting = this.#waiting.get(id);
    if (!waiting) return;
    this.#waiting.delete(id);
    clearTimeout(waiting.timer);
    waiting[how](value);
  }

  #setState(state) {
    if (state === this.#state) return;
    this.#state = state;
    this.#emit('state', state);
  }

  #emit(name, value) {
    for (const handler of this.#listeners.get(name) ?? []) handler(value);
  }
}

function socketAddress(path) {
  return `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}${path}`;
}

function valueOf(payload) {
  return typeof payload === 'function' ? payload() : payload;
}

function notConnected() {
  return new ApiError(0, { code: 'not_connected', detail: 'The connection was lost.' });
}
