import type { ReceivedEvent } from '../checker/check-events.ts';
import { sleep } from '../harness/time.ts';

/** The consumer is killed after a random time up to this, ms. */
const LIVES_MS_MAX = 1_500;
const RETRY_MS = 200;

interface Stored {
  position: string | null;
  events: ReceivedEvent[];
}

/**
 * A consumer of the change feed that is killed again and again. It stores each event together with the position after it;
 * whatever it has read but not stored is lost when it is killed.
 */
export class FeedConsumer {
  readonly #addresses: () => readonly string[];
  readonly #apiKey: string;
  readonly #stored: Stored = { position: null, events: [] };
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  kills = 0;

  private constructor(addresses: () => readonly string[], apiKey: string, position: string) {
    this.#addresses = addresses;
    this.#apiKey = apiKey;
    this.#stored.position = position;
    this.#running = this.#run();
  }

  /** Begins after the latest event. @returns null if the service has no change feed, or the ledger does not use it */
  static async start(addresses: () => readonly string[], apiKey: string): Promise<FeedConsumer | null> {
    const response = await fetch(`${addresses()[0]}/v1/events/page?after=latest`, {
      headers: { Authorization: `Bearer ${apiKey}` },
    });
    if (!response.ok) return null;
    const { nextCursor } = (await response.json()) as { nextCursor: string };
    return new FeedConsumer(addresses, apiKey, nextCursor);
  }

  get events(): readonly ReceivedEvent[] {
    return this.#stored.events;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const killed = new AbortController();
      const timer = setTimeout(() => killed.abort(), Math.random() * LIVES_MS_MAX);
      await this.#live(AbortSignal.any([killed.signal, this.#stop.signal])).catch(() => sleep(RETRY_MS));
      clearTimeout(timer);
      this.kills += 1;
    }
  }

  async #live(killed: AbortSignal): Promise<void> {
    const urls = this.#addresses();
    const url = urls[Math.floor(Math.random() * urls.length)] ?? '';
    const { position } = this.#stored;
    const response = await fetch(`${url}/v1/events`, {
      headers: { Authorization: `Bearer ${this.#apiKey}`, ...(position !== null && { 'Last-Event-ID': position }) },
      signal: killed,
    });
    if (!response.ok || !response.body) throw new Error(`the feed answered ${response.status}`);
    const decoder = new TextDecoder();
    let rest = '';
    for await (const chunk of response.body) {
      const blocks = (rest + decoder.decode(chunk as Uint8Array, { stream: true })).split('\n\n');
      rest = blocks.pop() ?? '';
      for (const block of blocks) this.#store(block);
    }
  }

  #store(block: string): void {
    const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1];
    const data = field('data');
    if (data !== undefined && field('event') === undefined) this.#stored.events.push(JSON.parse(data) as ReceivedEvent);
    this.#stored.position = field('id') ?? this.#stored.position;
  }
}
