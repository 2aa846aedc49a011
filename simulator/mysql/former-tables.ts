import type { Authority, Mode, MovedBy } from '../../app/domain/authority.ts';
import { DirectError } from '../../app/ledger/ports/direct-server.ts';
import { AuthorityTables, NOTHING_WAITS, setAuthority } from './authority-tables.ts';
import { DirectTables } from './direct-tables.ts';
import type { MysqlClient } from './mysql-client.ts';
import type { MysqlServer } from './mysql-server.ts';
import { ReaderTables } from './reader-tables.ts';
import { RecoveryStoreTables } from './recovery-store-tables.ts';
import type { Tables } from './tables.ts';

/** Reports a statement of the former release that took effect on a ledger in format 2. */
export type OnAllowed = (what: string) => void;

/**
 * The statements of release 0.1.0, which knows only the modes of format 1, and writes only format 1. As in that
 * release, a move compares the epoch and not the mode.
 */
export class FormerAuthorityTables extends AuthorityTables {
  readonly #onAllowed: OnAllowed;
  constructor(client: MysqlClient, onAllowed: OnAllowed) {
    super(client);
    this.#onAllowed = onAllowed;
  }

  /** A keeper finds no branch for a mode that it does not know, and its step fails. */
  override async read(): Promise<Authority> {
    const now = await super.read();
    if (now.format === 2) throw new Error(`no branch for ${now.mode}_2`);
    return now;
  }

  override move(from: Authority, mode: Exclude<Mode, 'CACHE'>, by: MovedBy): Promise<Authority | null> {
    return this.client.call((server) => {
      const now = server.tables.authority;
      if (now.epoch !== from.epoch) return null;
      if (now.cacheEpoch !== null && !(now.mode === 'CACHE' && mode === 'CLOSING')) {
        throw new Error(`epoch ${now.cacheEpoch} has to be recovered: no move from ${now.mode} to ${mode}`);
      }
      if (now.format === 2) this.#onAllowed(`move from ${now.mode} in format 2 to ${mode}`);
      return setAuthority(server, { ...now, ...(mode === 'CLOSING' ? now : NOTHING_WAITS), mode, format: 1 }, by);
    });
  }

  override register(podId: string, epoch: number): Promise<boolean> {
    return this.client
      .call(({ tables }) => tables.authority.format === 1)
      .then((known) => known && super.register(podId, epoch));
  }
}

/** A pod that does not know the mode assumes that neither store has the authority. */
export class FormerPodAuthorityTables extends FormerAuthorityTables {
  override async read(): Promise<Authority> {
    const now: Authority = await AuthorityTables.prototype.read.call(this);
    return now.format === 1 ? now : { ...now, mode: 'REBUILDING', replid: null, marker: null };
  }
}

/** The pod reads the authority once more, in the transaction, and compares its mode. */
export class FormerRecoveryStoreTables extends RecoveryStoreTables {
  protected override from<T>(
    from: Authority,
    modes: readonly Mode[],
    work: (mysql: MysqlServer, now: Authority) => T,
  ): Promise<T | null> {
    return super.from(from, modes, (mysql, now) => {
      if (now.format === 2) throw new Error(`the authority is ${now.mode}_2, not ${modes.join(' or ')}`);
      return work(mysql, now);
    });
  }
}

export class FormerDirectTables extends DirectTables {
  protected override requireAuthority(server: MysqlServer, epoch: number): void {
    const { mode, format } = server.tables.authority;
    if (format === 2) throw new DirectError('moved', `the authority is at ${mode}_2, not at DIRECT ${epoch}`);
    super.requireAuthority(server, epoch);
  }
}

export class FormerReaderTables extends ReaderTables {
  protected override stampsOf(tables: Tables) {
    const stamps = super.stampsOf(tables);
    const { format, cacheEpoch } = tables.authority;
    if (format === 1) return stamps;
    return {
      ...stamps,
      authority: { ...stamps.authority, mode: 'REBUILDING' as const, recovered: cacheEpoch === null },
    };
  }
}
