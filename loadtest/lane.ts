import { connect, type Socket } from 'node:net';

const HEAD_END = Buffer.from('\r\n\r\n');
/** The offset of the status, which follows `HTTP/1.1 `. */
const STATUS_AT = 9;
const CLOSES = /^connection: *close/im;
const LENGTH = /^content-length: *(\d+)/im;

/**
 * A connection with one request at a time. When the server closes it after a response, the next request opens a new
 * one.
 */
export class Lane {
  #socket: Socket;
  #got: Buffer = Buffer.alloc(0);
  #waitsFor: number | null = null;
  onAnswer: (request: number, status: number) => void = () => {};

  private constructor(socket: Socket) {
    this.#socket = this.#using(socket);
  }

  #using(socket: Socket): Socket {
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#take(chunk));
    // A broken lane accepts no more requests, and the responses that it still awaits never arrive.
    return socket.on('error', () => {});
  }

  static open(host: string, port: number): Promise<Lane> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port }, () => resolve(new Lane(socket)));
      socket.once('error', reject);
    });
  }

  /** @param request the number of the request, which is passed back with the response */
  send(bytes: Buffer, request: number): void {
    this.#waitsFor = request;
    this.#socket.write(bytes);
  }

  #take(chunk: Buffer): void {
    this.#got = this.#got.length === 0 ? chunk : Buffer.concat([this.#got, chunk]);
    const headEnd = this.#got.indexOf(HEAD_END);
    if (headEnd < 0) return;
    const head = this.#got.toString('latin1', 0, headEnd);
    const length = Number(LENGTH.exec(head)?.[1] ?? 0);
    if (this.#got.length < headEnd + HEAD_END.length + length) return;
    this.#got = Buffer.alloc(0);
    if (CLOSES.test(head)) {
      const { remoteAddress: host = '', remotePort: port = 0 } = this.#socket;
      this.#socket.destroy();
      this.#socket = this.#using(connect({ host, port }));
    }
    const request = this.#waitsFor;
    this.#waitsFor = null;
    if (request !== null) this.onAnswer(request, Number(head.slice(STATUS_AT, STATUS_AT + 3)));
  }

  close(): void {
    this.#socket.destroy();
  }
}
