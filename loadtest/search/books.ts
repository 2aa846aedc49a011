import type { Posted } from '../../app/domain/types.ts';
import { contentsOf } from '../../app/journal/sealed/sealed-rows.ts';
import { sealingOf } from '../../app/journal/sealed/sealing.ts';
import type { Database } from '../../app/mysql/connection/pool.ts';
import { seal } from '../../app/mysql/ledger/log-writer.ts';

const ACCOUNTS = 100_000;
const PER_STATEMENT = 1_000;
/** As many as a flush contains at full load. */
const PER_ROW = 750;
/** The time between two transfers, ms. */
const APART_MS = 1;

interface Written {
  transactionId: string;
  source: string;
  destination: string;
  amount: number;
  at: number;
  versions: [number, number];
}

/**
 * Books as if 100,000 accounts had paid each other at random. A hundred of them make a tenth of all payments. Every
 * third transfer has a reference, every tenth has metadata, and every hundredth was refused.
 */
export class SearchBooks {
  readonly #database: Database;
  readonly #versions = new Map<string, number>();
  readonly #startMs = Date.now() - 3_600_000;
  #next = 0;

  constructor(database: Database) {
    this.#database = database;
  }

  async fill(transfers: number): Promise<void> {
    for (let first = 0; first < ACCOUNTS; first += PER_STATEMENT)
      await this.#database.rows('INSERT IGNORE INTO accounts (account_id, currency) VALUES ?', [
        Array.from({ length: PER_STATEMENT + 1 }, (_, n) => [`account-${first + n}`, 'EUR']),
      ]);
    for (let left = transfers; left > 0; left -= PER_STATEMENT) await this.#write(Math.min(left, PER_STATEMENT));
  }

  /** Adds transfers to the books and to the log. */
  async seal(transfers: number): Promise<void> {
    for (let left = transfers; left > 0; left -= PER_ROW) {
      const written = await this.#write(Math.min(left, PER_ROW));
      const { pages } = sealingOf({ epoch: 1, decided: written.map(postedOf) });
      const contents = await contentsOf(pages, { epoch: 1, firstSeq: 0, lastSeq: 0 });
      await this.#database.transaction((session) => seal(session, contents));
    }
  }

  async #write(count: number): Promise<Written[]> {
    const written = Array.from({ length: count }, () => this.#transfer());
    await this.#database.rows(
      `INSERT INTO transfers (transaction_id, kind, \`status\`, refusal, source_account, destination_account, amount, currency,
         source_version, source_balance, source_settings_version, destination_version, destination_balance,
         destination_settings_version, accepted_at, \`user\`, correlation_id, epoch, seq, \`reference\`, metadata) VALUES ?`,
      [written.map(rowOf)],
    );
    return written;
  }

  #transfer(): Written {
    const n = this.#next++;
    const isBusy = n % 10 === 0;
    const source = `account-${below(isBusy ? ACCOUNTS / 1_000 : ACCOUNTS)}`;
    const destination = `account-${below(ACCOUNTS)}`;
    const ends = source === destination ? [source, `account-${ACCOUNTS}`] : [source, destination];
    const versions = ends.map((account) => {
      const version = (this.#versions.get(account) ?? 0) + 1;
      this.#versions.set(account, version);
      return version;
    }) as [number, number];
    const at = this.#startMs + n * APART_MS;
    const [head, tail] = [
      at.toString(16).padStart(12, '0'),
      below(2 ** 48)
        .toString(16)
        .padStart(12, '0'),
    ];
    const transactionId = `${head.slice(0, 8)}-${head.slice(8)}-7000-8000-${tail}`;
    return { transactionId, source, destination: ends[1] ?? '', amount: 1 + below(100_000), at, versions };
  }
}

const below = (limit: number): number => Math.floor(Math.random() * limit);

function rowOf({ transactionId, source, destination, amount, at, versions: [from, to] }: Written): unknown[] {
  const isRefused = at % 100 === 99;
  const side = (version: number) => (isRefused ? [null, null, null] : [version, 0, 1]);
  return [
    ...[transactionId, 'TRANSFER', isRefused ? 'REJECTED' : 'POSTED', isRefused ? 'insufficient_funds' : null],
    ...[source, destination, amount, 'EUR', ...side(from), ...side(to), new Date(at), 'loadtest', 'c', 0, 0],
    at % 3 === 0 ? `Invoice ${at % 30_000}` : null,
    at % 10 === 0 ? JSON.stringify({ order: String(at % 50_000) }) : null,
  ];
}

function postedOf({ transactionId, source, destination, amount, at, versions: [from, to] }: Written): Posted {
  const side = (version: number) => ({ balance: 0, version, settingsVersion: 1 });
  const order: Posted['order'] = {
    ...{ kind: 'transfer', transactionId, source, destination, amount, currency: 'EUR', timestamp: null },
    ...{ reverses: null, reference: null, metadata: null, user: 'loadtest', correlationId: 'c' },
  };
  const times = { acceptedAt: at, takenAt: at, epoch: 1, seq: 1, replayed: false, persisted: false };
  return { order, ...times, status: 'POSTED', source: side(from), destination: side(to) };
}
