/** What travels on Signalbox's socket, and what the client asks of its caller. */

/** A place in a stream's history: everything up to `seq` is known. Another `epoch` is another history. */
export interface Position { epoch: string; seq: number }
export type Positions = Record<string, Position>;
export type Priority = 'critical' | 'high' | 'error' | 'medium' | 'low' | 'info';

/** As `GET notifications/{id}` shows it before anybody has read it; times are ISO 8601, UTC. */
export interface Notification {
  id: string;
  stream: string;
  seq: number;
  type: string;
  priority: Priority;
  title: string;
  message: string;
  source: string;
  symbol: string | null;
  topic: string | null;
  confidence_score: number | null;
  urgency_score: number | null;
  promise_score: number | null;
  data: Record<string, unknown>;
  created_at: string;
}

/** Anything the server sends; the AsyncAPI document has the payload of each type. */
export interface Message<P = unknown> {
  type: string;
  payload: P;
  id?: string;
  ts?: string;
  event_id?: string;
  stream?: string;
  epoch?: string;
  seq?: number;
}

/** Where positions outlive the client. One store for each person: the streams of another are refused. */
export interface Store {
  load(): Positions;
  save(positions: Positions): void;
}

export type Credential = { token: string } | { ticket: string };
export type State = 'connecting' | 'live' | 'waiting' | 'stopped';

export interface Options {
  /** Such as `wss://signals.example.com/api/v1/ws`. */
  url: string;
  /** Called for each connection, with `renew` where the last credential was refused or ends soon: bring a fresh one. */
  credential(renew: boolean): Credential | Promise<Credential>;
  /** The notification's position is kept once this has returned. */
  onNotification(notification: Notification): void;
  /** The past of these streams cannot be sent: read `GET notifications`. They go on live. */
  onReset?(streams: string[]): void;
  /** `waiting` says for how many seconds, `stopped` the close code where the server refused for good. */
  onState?(state: State, detail: { seconds?: number; code?: number }): void;
  /** What one of these callbacks threw, or a refusal that nobody else hears of. */
  onProblem?(problem: unknown): void;
  /** In memory without one. */
  store?: Store;
  /** Whether the server is told what has arrived; an API key needs the scope `notifications:write` for it. */
  acknowledges?: boolean;
  /** How often to ping, and after how long a silence the line counts as dead; milliseconds. */
  pingEvery?: number;
  silence?: number;
}

/** A refused request, with the fields of REST's problem; `not_connected` where the connection was lost. */
export class Refusal extends Error {
  constructor(readonly code: string, detail: string, readonly errors: Record<string, string[]> = {}) {
    super(detail);
  }
}
