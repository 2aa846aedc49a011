import type {
  Feed,
  FeedEvent,
  FeedFilter,
  FeedPage,
  FeedPosition,
  FeedSink,
  FeedStart,
  Subscription,
} from '../../ledger/ports/feed.ts';

/** A feed of events that a test adds one by one. Each is a row of its own. */
export class MemoryFeed implements Feed {
  readonly shards = 1;
  readonly events: FeedEvent[] = [];
  readonly #listeners = new Set<(event: FeedEvent) => void>();

  get listeners(): number {
    return this.#listeners.size;
  }

  add(event: Pick<FeedEvent, 'type' | 'accounts'>): void {
    const id = `0.${this.events.length + 1}.0`;
    const added = { ...event, json: () => JSON.stringify({ specversion: '1.0', id, type: event.type }) };
    this.events.push(added);
    for (const listener of [...this.#listeners]) listener(added);
  }

  async begin(start: FeedStart): Promise<FeedPosition> {
    if (start === 'oldest') return [{ position: 0, index: null }];
    return start === 'latest' ? [{ position: this.events.length, index: null }] : start;
  }

  async page(start: FeedStart, filter: FeedFilter, limit: number): Promise<FeedPage> {
    const [place] = await this.begin(start);
    const from = place?.position ?? 0;
    const events = this.events.slice(from).filter(matches(filter)).slice(0, limit);
    const last = events.at(-1);
    const position = last && events.length === limit ? this.events.indexOf(last) + 1 : this.events.length;
    return { events, next: [{ position, index: null }], caughtUp: position === this.events.length };
  }

  subscribe(from: FeedPosition, filter: FeedFilter, sink: FeedSink): Subscription {
    const wants = matches(filter);
    const give = (event: FeedEvent) => {
      if (wants(event)) sink.send([{ event, position: [{ position: this.events.indexOf(event) + 1, index: null }] }]);
    };
    const listeners = this.#listeners;
    const events = this.events;
    for (const event of events.slice(from[0]?.position ?? 0)) give(event);
    listeners.add(give);
    return {
      get position() {
        return [{ position: events.length, index: null }];
      },
      end(reason) {
        if (listeners.delete(give)) sink.end(reason);
      },
      cancel: () => void listeners.delete(give),
    };
  }
}

const matches =
  ({ accounts, types }: FeedFilter) =>
  (event: FeedEvent): boolean =>
    (!accounts || event.accounts.some((account) => accounts.has(account))) && (!types || types.has(event.type));
