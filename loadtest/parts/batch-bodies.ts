/**
 * Bodies of batch requests that are written once and sent repeatedly. Before each sending, only the ids are replaced,
 * with two short copies per transfer. The generator must be this cheap because it runs on the machine that it measures.
 */
const TIME_CHARS = 13; // tttttttt-tttt
const REQUEST_AT = 24; // after tttttttt-tttt-7rrr-8rrr-
const REQUEST_CHARS = 8;

export class BatchBody {
  readonly bytes: Buffer;
  readonly #idsAt: number[] = [];

  /** `run`: six hex digits that are unique to this run. `pick`: two different accounts. */
  constructor(transfers: number, run: string, pick: () => readonly [source: string, destination: string]) {
    const parts: string[] = [];
    let length = 0;
    const add = (text: string) => {
      parts.push(text);
      length += text.length;
    };
    add('{"transfers":[');
    for (let index = 0; index < transfers; index++) {
      const [source, destination] = pick();
      const item = index.toString(16).padStart(4, '0');
      add(`${index === 0 ? '' : ','}{"transactionId":"`);
      this.#idsAt.push(length);
      add(`00000000-0000-7${run.slice(0, 3)}-8${run.slice(3, 6)}-00000000${item}`);
      add(`","sourceAccount":"${source}","destinationAccount":"${destination}","amount":"0.01","currency":"EUR"}`);
    }
    add(']}');
    this.bytes = Buffer.from(parts.join(''), 'latin1');
  }

  /** New ids: UUIDv7s with the current time, with the number of the request in their random part. */
  renew(nowMs: number, request: number): Buffer {
    const hex = nowMs.toString(16).padStart(12, '0');
    const time = Buffer.from(`${hex.slice(0, 8)}-${hex.slice(8)}`, 'latin1');
    const number = Buffer.from(request.toString(16).padStart(REQUEST_CHARS, '0'), 'latin1');
    for (const at of this.#idsAt) {
      time.copy(this.bytes, at, 0, TIME_CHARS);
      number.copy(this.bytes, at + REQUEST_AT, 0, REQUEST_CHARS);
    }
    return this.bytes;
  }
}

const STATUS = Buffer.from('"status":20', 'latin1');

/**
 * Counts the posted items in the response to a batch, new (201) or existing (200), as the response arrives, piece by
 * piece.
 */
export class PostedCounter {
  posted = 0;
  #end: Buffer = Buffer.alloc(0);

  take(piece: Buffer): void {
    // A match that spans two pieces is found in their joined ends, each of which is too short to contain a match alone.
    this.#count(Buffer.concat([this.#end, piece.subarray(0, STATUS.length - 1)]));
    this.#count(piece);
    this.#end = Buffer.concat([this.#end, piece.subarray(1 - STATUS.length)]).subarray(1 - STATUS.length);
  }

  #count(bytes: Buffer): void {
    for (let at = bytes.indexOf(STATUS); at >= 0; at = bytes.indexOf(STATUS, at + STATUS.length)) this.posted += 1;
  }
}
