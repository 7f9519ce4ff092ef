/** Signalbox's notifications, each once and in order, across lost connections and restarts. */

import { Connection } from './connection.js';
import { Refusal, type Message, type Notification, type Options, type Position, type Positions, type Store }
  from './types.js';

export * from './types.js';

const ACK_EVERY = 2_000, ACKS_AT_ONCE = 20; // half of what a connection may send
const CAN_END = ['bars.subscribe', 'quotes.subscribe'];

/** Positions in `localStorage`, say, under a `key` that names the person. */
export function storedIn(storage: Storage, key: string): Store {
  return {
    load: () => JSON.parse(storage.getItem(key) ?? '{}') as Positions,
    save: (positions) => storage.setItem(key, JSON.stringify(positions)),
  };
}

export class SignalboxClient {
  #options: Options;
  #connection: Connection;
  #positions: Positions;
  // Until every stream has its position, naming some would make the server send all of the others' past.
  #knowsAll: boolean;
  #where: 'lost' | 'leaving' | 'resuming' | 'live' = 'lost';
  #arrived = new Map<string, number>();
  #acknowledging: ReturnType<typeof setTimeout> | null = null;
  #handlers = new Map<string, Set<(message: Message<any>) => void>>();
  #subscriptions = new Set<{ type: string; payload: object }>();

  constructor(options: Options) {
    this.#options = options;
    this.#positions = { ...options.store?.load() };
    this.#knowsAll = Object.keys(this.#positions).length > 0;
    this.#connection = new Connection(options, {
      opened: () => this.#opened(),
      received: (message) => this.#received(message),
      lost: () => this.#lost(),
    });
  }

  start(): void { this.#connection.start(); }

  stop(): void { this.#connection.stop(); }

  /** Resolves with the answer's payload, rejects with a `Refusal`. */
  request(type: string, payload: object = {}): Promise<unknown> { return this.#connection.request(type, payload); }

  /** Hears every message of `type`, such as `bars.update`; answers how to stop hearing it. */
  on<P>(type: string, handler: (message: Message<P>) => void): () => void {
    const handlers = this.#handlers.get(type) ?? new Set();
    this.#handlers.set(type, handlers.add(handler));
    return () => { handlers.delete(handler); };
  }

  /** Subscribes to what has no positions, such as `bars.subscribe`, on each connection; answers how to end it. */
  subscribe(type: string, payload: object = {}): () => void {
    const subscription = { type, payload };
    this.#subscriptions.add(subscription);
    if (this.#where !== 'lost') this.#connection.quietly(this.request(type, payload));
    return () => {
      this.#subscriptions.delete(subscription);
      if (CAN_END.includes(type)) this.#connection.quietly(this.request(type.replace('.sub', '.unsub'), payload));
    };
  }

  #opened(): void {
    void this.#resume();
    for (const { type, payload } of this.#subscriptions) this.#connection.quietly(this.request(type, payload));
  }

  #lost(): void {
    this.#where = 'lost';
    if (this.#acknowledging) clearTimeout(this.#acknowledging);
    this.#acknowledging = null;
  }

  async #resume(): Promise<void> {
    this.#where = 'resuming';
    if (!this.#knowsAll) this.#positions = {};
    try {
      await this.request('notifications.subscribe', { streams: this.#positions });
    } catch (problem) {
      const refused = problem instanceof Refusal ? problem.errors.streams : undefined;
      if (refused && this.#knowsAll) this.#forget(refused);
      else this.#connection.giveUp(problem);
    }
  }

  /** Streams that are addressed to the person no longer: `refused` has a sentence on each, after its name. */
  #forget(refused: string[]): void {
    const all = Object.keys(this.#positions);
    const gone = all.filter((stream) => refused.some((words) => words.startsWith(`${stream.slice(0, 100)} `)));
    for (const stream of gone.length ? gone : all) delete this.#positions[stream];
    this.#knowsAll = Object.keys(this.#positions).length > 0;
    void this.#resume();
  }

  /** Something is missing: what comes until the server has answered is later than that, and will come again. */
  async #askAgain(): Promise<void> {
    this.#where = 'leaving';
    try {
      await this.request('notifications.unsubscribe');
      await this.#resume();
    } catch (problem) {
      this.#connection.giveUp(problem);
    }
  }

  #received(message: Message<any>): void {
    if (message.type === 'notification') this.#notified(message);
    else if (message.type === 'notifications.live') this.#becomeLive(message.payload.streams);
    else if (message.type === 'notifications.heads') this.#compare(message.payload.streams);
    else if (message.type === 'reset') this.#reset(message.payload.streams);
    for (const handler of this.#handlers.get(message.type) ?? []) this.#connection.guarded(() => handler(message));
  }

  #notified({ stream = '', epoch = '', seq = 0, payload }: Message<Notification>): void {
    if (this.#where === 'leaving') return;
    const known = this.#positions[stream];
    if (known?.epoch === epoch) {
      if (seq <= known.seq) return;
      // While the past is sent, numbers may be left out.
      if (this.#where === 'live' && seq > known.seq + 1) return void this.#askAgain();
    }
    this.#connection.guarded(() => this.#options.onNotification(payload));
    this.#positions[stream] = { epoch, seq };
    this.#save();
    if (this.#options.acknowledges ?? true) this.#acknowledgeSoon(stream, seq);
  }

  #becomeLive(streams: Positions): void {
    if (this.#where === 'leaving') return;
    Object.assign(this.#positions, streams);
    this.#knowsAll = true;
    this.#save();
    if (this.#where === 'resuming') this.#connection.becomeLive();
    this.#where = 'live';
    for (const [stream, seq] of this.#arrived) this.#acknowledgeSoon(stream, seq);
  }

  #compare(heads: Positions): void {
    if (this.#where !== 'live') return;
    const isBehind = ([stream, head]: [string, Position]) => head.seq > (this.#positions[stream]?.seq ?? 0);
    if (Object.entries(heads).some(isBehind)) void this.#askAgain();
  }

  #reset(streams: string[]): void {
    // Not forgotten: a stream that is not named would be sent from its beginning.
    for (const stream of streams) this.#positions[stream] = { epoch: '', seq: 0 };
    this.#connection.guarded(() => this.#options.onReset?.(streams));
  }

  #save(): void {
    if (this.#knowsAll) this.#connection.guarded(() => this.#options.store?.save(this.#positions));
  }

  #acknowledgeSoon(stream: string, seq: number): void {
    this.#arrived.set(stream, seq);
    this.#acknowledging ??= setTimeout(() => this.#connection.quietly(this.#acknowledge()), ACK_EVERY);
  }

  async #acknowledge(): Promise<void> {
    this.#acknowledging = null;
    for (const [stream, seq] of [...this.#arrived].slice(0, ACKS_AT_ONCE)) {
      await this.request('notifications.ack', { stream, seq });
      if (this.#arrived.get(stream) === seq) this.#arrived.delete(stream);
    }
    for (const [stream, seq] of this.#arrived) this.#acknowledgeSoon(stream, seq);
  }
}
