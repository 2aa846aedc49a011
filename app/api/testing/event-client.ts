/** One block of a stream of Server-Sent Events. */
export interface EventBlock {
  id?: string;
  event?: string;
  data?: string;
  retry?: string;
  /** A line that begins with a colon. */
  comment?: string;
}

interface CloudEvent {
  id: string;
  type: string;
  subject: string;
  source: string;
  time: string;
  data: Record<string, unknown>;
}

interface Options {
  key: string;
  query?: Record<string, string>;
  lastEventId?: string;
}

/** A client of `GET /v1/events`, which reads whatever arrives. */
export class EventClient {
  readonly status: number;
  readonly headers: Headers;
  readonly blocks: EventBlock[] = [];
  /** The response has ended or was aborted. */
  ended = false;
  readonly #controller: AbortController;
  #rest = '';

  private constructor(response: Response, controller: AbortController) {
    this.status = response.status;
    this.headers = response.headers;
    this.#controller = controller;
    void this.#read(response);
  }

  static async open(url: string, { key, query = {}, lastEventId }: Options): Promise<EventClient> {
    const controller = new AbortController();
    const response = await fetch(`${url}/v1/events?${new URLSearchParams(query)}`, {
      headers: {
        Authorization: `Bearer ${key}`,
        ...(lastEventId !== undefined && { 'Last-Event-ID': lastEventId }),
      },
      signal: controller.signal,
    });
    return new EventClient(response, controller);
  }

  get events(): CloudEvent[] {
    return this.blocks.flatMap(({ event, data }) =>
      event === undefined && data !== undefined ? (JSON.parse(data) as CloudEvent) : [],
    );
  }

  /** The value of `Last-Event-ID` with which to resume. */
  get lastEventId(): string | undefined {
    return this.blocks.findLast(({ id }) => id !== undefined)?.id;
  }

  /** The reason that the last block gives for the end of the stream. */
  get endReason(): unknown {
    const end = this.blocks.findLast(({ event }) => event === 'end');
    return end?.data === undefined ? undefined : (JSON.parse(end.data) as { reason: unknown }).reason;
  }

  close(): void {
    this.#controller.abort();
  }

  async #read(response: Response): Promise<void> {
    try {
      const decoder = new TextDecoder();
      for await (const chunk of response.body ?? []) this.#take(decoder.decode(chunk as Uint8Array, { stream: true }));
    } catch {
      // The stream was cut off; `ended` reports this.
    }
    this.ended = true;
  }

  #take(text: string): void {
    const blocks = (this.#rest + text).split('\n\n');
    this.#rest = blocks.pop() ?? '';
    for (const block of blocks) this.blocks.push(blockOf(block));
  }
}

function blockOf(text: string): EventBlock {
  const block: Record<string, string> = {};
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':');
    const name = colon === 0 ? 'comment' : line.slice(0, colon);
    block[name] = line.slice(colon + 1).trimStart();
  }
  return block;
}
