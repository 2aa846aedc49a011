import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { AbstractConnector, type RedisOptions } from 'ioredis';
import { systemClock } from '../kernel/clock.ts';
import type { Endpoint } from '../kernel/redis-url.ts';
import { retriedUntil } from '../kernel/retry.ts';
import type { NodeSearch } from './node-search.ts';

/** Delays between failed searches, ms. */
const SEARCH_BASE_MS = 50;
const SEARCH_MAX_MS = 500;

type Emit = Parameters<AbstractConnector['connect']>[0];
type Stream = Awaited<ReturnType<AbstractConnector['connect']>>;
type Options = Pick<RedisOptions, 'tls' | 'disconnectTimeout'> & Partial<Endpoint>;

/**
 * Replaces the part of ioredis that opens connections, for a node that has to be found first: every attempt to connect
 * searches for the node again. Everything else works as for a node with a fixed address.
 */
export function searchingConnector(search: NodeSearch): new (options: unknown) => AbstractConnector {
  return class SearchingConnector extends AbstractConnector {
    readonly #options: Options;

    constructor(options: unknown) {
      super((options as Options).disconnectTimeout ?? 0);
      this.#options = options as Options;
    }

    /** Closes a connection to a server that is not a master, because the answer to the search was outdated. */
    override check({ role }: { role?: string }): boolean {
      return role === undefined || role === 'master';
    }

    /** If this promise is rejected, ioredis gives up for good, so the search is repeated until `disconnect`. */
    override async connect(emit: Emit): Promise<Stream> {
      this.connecting = true;
      const node = await retriedUntil(
        {
          clock: systemClock,
          deadlineMs: Number.POSITIVE_INFINITY,
          baseMs: SEARCH_BASE_MS,
          maxMs: SEARCH_MAX_MS,
          when: () => this.connecting,
          onFailure: (error) => emit('error', error as Error),
        },
        () => search.find(),
      );
      // ioredis recognizes by this message that the connection was closed on purpose.
      if (!this.connecting) throw new Error('Connection is closed.');
      // These are the options of the connection; spans show them as the address of the server.
      Object.assign(this.#options, node);
      const { tls } = this.#options;
      const stream = tls ? connectTls({ ...node, ...tls }) : connectTcp(node);
      stream.once('error', (error) => {
        this.firstError = error;
      });
      this.stream = stream;
      return stream;
    }
  };
}
