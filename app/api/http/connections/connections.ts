import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '../../../kernel/clock.ts';

/**
 * Maximum number of unanswered requests per connection. Even clients and load balancers that pipeline stay far below
 * this.
 */
const OPEN_PER_CONNECTION_MAX = 16;
const SWEEP_EVERY_MS = 1_000;
/** A client must read at least this many bytes of its responses within `UNREAD_MS_MAX`, or its connection is closed. */
const UNREAD_MS_MAX = 30_000;
const READ_BYTES_MIN = 64 * 1024;
/**
 * Each connection may live for a random share of the maximum age, so that few of them move at once; this is the
 * smallest share.
 */
const AGE_SHARE_MIN = 0.5;

/** Why this pod closed a connection. */
export type CutReason = 'too_many_connections' | 'too_many_pipelined' | 'answers_not_read';

interface ConnectionLimits {
  connectionsMax: number;
  connectionAgeMaxMs: number | null;
}

interface ConnectionEvents {
  onCut(reason: CutReason): void;
  /** Called when a connection has been closed because of its age. */
  onExpired(): void;
}

/** State of one client connection. */
interface Connection {
  socket: Socket;
  /** When the connection becomes old, on the monotonic clock; infinite if connections do not age. */
  readonly oldAtMs: number;
  /** The client pipelines requests, and may already have sent one that this pod has not read yet. */
  pipelines: boolean;
  /** The client was asked to close it; requests that still arrive are not processed. */
  expired: boolean;
  /** Requests whose responses have not been sent yet. */
  open: number;
  cut: boolean;
  /** When responses began to wait for the client to read them; null while none are waiting. */
  unreadSinceMs: number | null;
  /** How many bytes the client had read at that time. */
  readBytes: number;
  readonly answered: () => void;
}

/**
 * Limits the resources that a client can tie up through connections alone: their number, the number of unanswered
 * requests on each one (and in total), and how long responses wait to be read. Node.js stops reading from a connection
 * whose responses pile up, but it sets no time limit, and it parses everything that has already arrived.
 *
 * It also decides when a connection is old: clients choose a pod only when they connect, so a new pod stays idle until
 * connections to the other pods are closed.
 */
export class Connections {
  readonly #clock: Clock;
  readonly #max: number;
  readonly #ageMaxMs: number | null;
  readonly #events: ConnectionEvents;
  readonly #connections = new Map<Socket, Connection>();
  #open = 0;

  constructor(clock: Clock, limits: ConnectionLimits, events: ConnectionEvents) {
    this.#clock = clock;
    this.#max = limits.connectionsMax;
    this.#ageMaxMs = limits.connectionAgeMaxMs;
    this.#events = events;
  }

  /** Open client connections. */
  get size(): number {
    return this.#connections.size;
  }

  /** Requests that have not been answered yet, on all connections. */
  get open(): number {
    return this.#open;
  }

  /** Connections whose clients have not read all of their responses. */
  get waiting(): number {
    let waiting = 0;
    for (const { socket } of this.#connections.values()) if (socket.writableLength > 0) waiting += 1;
    return waiting;
  }

  watch(server: Server): void {
    server.maxConnections = this.#max;
    server.on('connection', (socket) => this.#add(socket));
    server.on('drop', () => this.#events.onCut('too_many_connections'));
    let cancel = () => {};
    const sweep = () => {
      this.sweep();
      cancel = this.#clock.after(SWEEP_EVERY_MS, sweep);
    };
    sweep();
    server.once('close', () => cancel());
  }

  /**
   * Counts the request until its response is sent. Returns false if its connection is closed; the request must then not
   * be processed.
   */
  accept({ socket }: IncomingMessage, response: ServerResponse): boolean {
    const connection = this.#connections.get(socket);
    // The connection is closed, but the parser still delivers requests that arrived before.
    if (connection === undefined || connection.cut || connection.expired) return false;
    if (connection.open > 0) {
      connection.pipelines = true;
      if (connection.open >= OPEN_PER_CONNECTION_MAX || this.#open >= this.#max) {
        this.#cut(connection, 'too_many_pipelined');
        return false;
      }
    }
    connection.open += 1;
    this.#open += 1;
    response.on('close', connection.answered);
    return true;
  }

  /**
   * True if the response that is about to be written must ask the client to close its connection, because the
   * connection is old. Call it once, right before the headers are written.
   *
   * No request may be lost this way, so a connection never grows old if its client pipelines, or if its request has not
   * arrived completely: the client could still be sending when the connection is closed.
   */
  expires({ socket, complete }: IncomingMessage): boolean {
    const connection = this.#connections.get(socket);
    if (connection === undefined || connection.pipelines || !complete) return false;
    if (this.#clock.monotonic() < connection.oldAtMs) return false;
    connection.expired = true;
    this.#events.onExpired();
    return true;
  }

  /** True if a response written to this connection now would be mistaken for the response to an earlier request. */
  isAnswering(socket: Socket): boolean {
    return (this.#connections.get(socket)?.open ?? 0) > 0;
  }

  /** Closes the connections on which nothing has ever arrived: Node.js does not count them as idle. */
  closeUnused(): void {
    for (const { socket } of this.#connections.values()) if (socket.bytesRead === 0) socket.destroy();
  }

  /** Closes the connections whose clients do not read. */
  sweep(): void {
    const now = this.#clock.monotonic();
    for (const connection of this.#connections.values()) this.#sweepOne(connection, now);
  }

  #sweepOne(connection: Connection, now: number): void {
    const { socket } = connection;
    if (socket.writableLength === 0) {
      connection.unreadSinceMs = null;
      return;
    }
    const read = socket.bytesWritten - socket.writableLength;
    if (connection.unreadSinceMs === null || read - connection.readBytes >= READ_BYTES_MIN) {
      connection.unreadSinceMs = now;
      connection.readBytes = read;
    } else if (now - connection.unreadSinceMs > UNREAD_MS_MAX) this.#cut(connection, 'answers_not_read');
  }

  #add(socket: Socket): void {
    const connection: Connection = {
      socket,
      oldAtMs: this.#oldAtMs(),
      pipelines: false,
      expired: false,
      open: 0,
      cut: false,
      unreadSinceMs: null,
      readBytes: 0,
      answered: () => {
        // After a connection closes, only its first pending response emits `close`; the socket's handler has subtracted them all.
        if (connection.open === 0) return;
        connection.open -= 1;
        this.#open -= 1;
      },
    };
    this.#connections.set(socket, connection);
    socket.once('close', () => {
      this.#open -= connection.open;
      connection.open = 0;
      this.#connections.delete(socket);
    });
  }

  #oldAtMs(): number {
    if (this.#ageMaxMs === null) return Number.POSITIVE_INFINITY;
    const share = AGE_SHARE_MIN + (1 - AGE_SHARE_MIN) * this.#clock.random();
    return this.#clock.monotonic() + this.#ageMaxMs * share;
  }

  #cut(connection: Connection, reason: CutReason): void {
    connection.cut = true;
    connection.socket.destroy();
    this.#events.onCut(reason);
  }
}
