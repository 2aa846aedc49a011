/** A block of `text/event-stream`, as far as the feed uses it. */
export interface Block {
  /** The place in the feed after this block. */
  readonly id?: string;
  /** The name of the block; ordinary events have none. */
  readonly event?: string;
  /** Absent in a block that only moves the place, or only sets how long to wait. */
  readonly data?: string;
  /** How long to wait before connecting again, ms. */
  readonly retryMs?: number;
}

/** Far more than the longest event. */
const BLOCK_CHARACTERS_MAX = 4 * 1024 * 1024;
const LINE_END = /\r\n|\n|\r/;
const MS = /^\d{1,9}$/;

/**
 * The blocks of an event stream (WHATWG HTML, 9.2.6). A block that the end of the stream cuts off is not returned.
 * @throws Error if a block is too long, or the connection is lost
 */
export async function* blocksOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Block, void, undefined> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  let lines: string[] = [];
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      rest += decoder.decode(value, { stream: true });
      for (let end = LINE_END.exec(rest); end !== null; end = LINE_END.exec(rest)) {
        // A carriage return at the end may be the first half of a line end.
        if (end[0] === '\r' && end.index === rest.length - 1) break;
        const line = rest.slice(0, end.index);
        rest = rest.slice(end.index + end[0].length);
        if (line !== '') lines.push(line);
        else if (lines.length > 0) {
          yield blockOf(lines);
          lines = [];
        }
      }
      const length = lines.reduce((sum, line) => sum + line.length, rest.length);
      if (length > BLOCK_CHARACTERS_MAX) throw new Error(`an event has more than ${BLOCK_CHARACTERS_MAX} characters`);
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function blockOf(lines: readonly string[]): Block {
  const block: { id?: string; event?: string; data?: string; retryMs?: number } = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    // A line that begins with a colon is a comment.
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'data') block.data = block.data === undefined ? value : `${block.data}\n${value}`;
    else if (name === 'id' && !value.includes('\0')) block.id = value;
    else if (name === 'event') block.event = value;
    else if (name === 'retry' && MS.test(value)) block.retryMs = Number(value);
  }
  return block;
}
