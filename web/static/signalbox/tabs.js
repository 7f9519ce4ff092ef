// Tells this browser's other tabs of one's own doings, so that they show the same.

const CHANNEL = 'signalbox.inbox';

export class OtherTabs {
  #line = globalThis.BroadcastChannel ? new BroadcastChannel(CHANNEL) : null;
  #owner = null;

  /** `onNews(news)` is told what another tab of the same person did. */
  constructor(onNews) {
    this.#line?.addEventListener('message', ({ data: { owner, news } }) => owner !== null && owner === this.#owner && onNews(news));
  }

  /** From now on this tab is that of the person with this id; of nobody where it is null. */
  belongTo(owner) {
    this.#owner = owner;
  }

  tell(news) {
    this.#line?.postMessage({ owner: this.#owner, news });
  }
}
