// Remembers how far each stream has been read, and judges whether a message is next, old, or ahead of a gap.

/** Positions of all streams of one subscription. Nothing here touches the network. */
export class StreamPositions {
  #streams = new Map();
  #isCatchingUp = true;

  /** What a subscribe request names: only streams whose epoch is known can be resumed by the server. */
  asPayload() {
    const known = [...this.#streams].filter(([, position]) => position.epoch != null);
    return known.length ? { streams: Object.fromEntries(known) } : {};
  }

  /** Call when a subscribe request leaves: until `adopt`, the server sends what was missed, with any step. */
  beginCatchUp() {
    this.#isCatchingUp = true;
  }

  /** `show`, `old` or `gap` for a message; moves the position when it is to be shown. */
  judge({ stream, seq, epoch }) {
    if (stream === undefined || seq === undefined) return 'show';
    const last = this.#streams.get(stream);
    const isSameEpoch = last && (epoch == null || last.epoch == null || epoch === last.epoch);
    if (isSameEpoch && seq <= last.seq) return 'old';
    if (isSameEpoch && seq > last.seq + 1 && !this.#isCatchingUp) return 'gap';
    this.#streams.set(stream, { epoch: epoch ?? last?.epoch ?? null, seq });
    return 'show';
  }

  /** Takes the positions the server states once caught up; answers whether a list read before is now in doubt. */
  adopt(streams = {}) {
    const isDoubtful = this.#isCatchingUp || this.isBehind(streams);
    for (const [name, { epoch, seq }] of Object.entries(streams)) this.#streams.set(name, { epoch, seq });
    this.#isCatchingUp = false;
    return isDoubtful;
  }

  /** Whether the heads the server states lie beyond what was read: the last message itself went missing. */
  isBehind(heads = {}) {
    return Object.entries(heads).some(([name, head]) => {
      const last = this.#streams.get(name);
      return last !== undefined && (head.seq > last.seq || (last.epoch != null && head.epoch !== last.epoch));
    });
  }

  /** Drops the streams named, or all: their history has to be read again. */
  forget(names = [...this.#streams.keys()]) {
    for (const name of names) this.#streams.delete(name);
  }
}
