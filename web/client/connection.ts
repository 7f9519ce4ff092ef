/** One connection at a time to Signalbox's socket: credentials, heartbeat, requests with answers, polite retries. */

import { Refusal, type Credential, type Message, type Options, type State } from './types.js';

const REFUSED_FOR_GOOD = [4400, 4403], UNAUTHENTICATED = 4401, OVER_LIMIT = 4429, NO_CLOSE = 1006;
const SHORTEST_WAIT = 0.5, LONGEST_WAIT = 30; // seconds
const PING_EVERY = 20_000, SILENCE = 40_000;

interface Asked { resolve(payload: unknown): void; reject(error: Error): void }
interface Owner { opened(): void; received(message: Message<any>): void; lost(): void }

export class Connection {
  #options: Options;
  #owner: Owner;
  #socket: WebSocket | null = null;
  #isWanted = false;
  #mustRenew = false;
  #turn = 0;
  #attempt = 0;
  #lastId = 0;
  #asked = new Map<string, Asked>();
  #timers: Record<string, ReturnType<typeof setTimeout>> = {};

  constructor(options: Options, owner: Owner) {
    this.#options = options;
    this.#owner = owner;
  }

  start(): void {
    if (this.#isWanted) return;
    this.#isWanted = true;
    void this.#connect();
  }

  stop(detail: { code?: number } = {}): void {
    if (!this.#isWanted) return;
    this.#isWanted = false;
    this.#release();
    this.tell('stopped', detail);
  }

  /** All is well: the next loss begins with the shortest wait again. */
  becomeLive(): void {
    this.#attempt = 0;
    this.tell('live');
  }

  /** Resolves with the answer's payload, rejects with a `Refusal`. */
  request(type: string, payload: object = {}): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#socket?.readyState !== WebSocket.OPEN) return reject(new Refusal('not_connected', 'Not connected.'));
      const id = String((this.#lastId += 1));
      this.#asked.set(id, { resolve, reject });
      this.#socket.send(JSON.stringify({ type, id, payload }));
    });
  }

  /** Lets `work` go on by itself; a lost connection is nobody's problem, since all is asked anew on the next one. */
  quietly(work: Promise<unknown>): void {
    work.catch((problem) => { if (!isLoss(problem)) this.report(problem); });
  }

  /** Ends a connection on which something necessary has failed; the next one tries it again. */
  giveUp(problem: unknown): void {
    if (isLoss(problem)) return;
    this.report(problem);
    this.#lost(NO_CLOSE);
  }

  guarded(work: () => void): void {
    try { work(); } catch (problem) { this.report(problem); }
  }

  tell(state: State, detail: { seconds?: number; code?: number } = {}): void {
    this.guarded(() => this.#options.onState?.(state, detail));
  }

  report(problem: unknown): void { this.#options.onProblem?.(problem); }

  async #connect(): Promise<void> {
    const turn = (this.#turn += 1);
    this.tell('connecting');
    try {
      const credential = await this.#options.credential(this.#mustRenew);
      if (this.#isWanted && turn === this.#turn) this.#open(credential);
    } catch (problem) {
      if (turn === this.#turn) this.giveUp(problem);
    }
  }

  #open(credential: Credential): void {
    this.#mustRenew = false;
    const socket = this.#socket = 'token' in credential
      ? new WebSocket(this.#options.url, ['bearer', credential.token])
      : new WebSocket(`${this.#options.url}?ticket=${encodeURIComponent(credential.ticket)}`);
    this.#watch();
    socket.onopen = () => this.#opened();
    socket.onmessage = (event) => this.#received(JSON.parse(String(event.data)) as Message<any>);
    socket.onerror = () => {}; // a close follows
    socket.onclose = (event) => this.#lost(event.code);
  }

  #opened(): void {
    const ping = () => this.#socket?.send(JSON.stringify({ type: 'ping' }));
    this.#timers.ping = setInterval(ping, this.#options.pingEvery ?? PING_EVERY);
    this.#owner.opened();
  }

  #watch(): void {
    clearTimeout(this.#timers.watchdog);
    // A dead line does not report itself, and a polite close would wait for the same silent peer.
    this.#timers.watchdog = setTimeout(() => this.#lost(NO_CLOSE), this.#options.silence ?? SILENCE);
  }

  #received(message: Message<any>): void {
    this.#watch();
    const asked = message.id === undefined ? undefined : this.#asked.get(message.id);
    const { code, detail, errors } = message.payload ?? {};
    if (message.id !== undefined) this.#asked.delete(message.id);
    if (message.type === 'error') asked?.reject(new Refusal(code, detail, errors));
    else asked?.resolve(message.payload);
    if (message.type === 'auth.expiring') this.quietly(this.#prolong());
    this.#owner.received(message);
  }

  async #prolong(): Promise<void> {
    const credential = await this.#options.credential(true);
    if ('token' in credential) await this.request('auth', credential);
  }

  #lost(code: number): void {
    this.#release();
    if (!this.#isWanted) return;
    if (REFUSED_FOR_GOOD.includes(code)) return this.stop({ code });
    this.#mustRenew ||= code === UNAUTHENTICATED;
    const ceiling = Math.min(LONGEST_WAIT, SHORTEST_WAIT * 2 ** (this.#attempt += 1));
    const jittered = SHORTEST_WAIT + Math.random() * (ceiling - SHORTEST_WAIT);
    const seconds = code === OVER_LIMIT ? LONGEST_WAIT + jittered : jittered;
    this.#timers.retry = setTimeout(() => void this.#connect(), seconds * 1_000);
    this.tell('waiting', { seconds });
  }

  #release(): void {
    const socket = this.#socket;
    this.#socket = null;
    this.#turn += 1;
    for (const timer of Object.values(this.#timers)) clearTimeout(timer);
    this.#timers = {};
    for (const { reject } of this.#asked.values()) reject(new Refusal('not_connected', 'The connection was lost.'));
    this.#asked.clear();
    this.#owner.lost();
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }
}

function isLoss(problem: unknown): boolean {
  return problem instanceof Refusal && problem.code === 'not_connected';
}
