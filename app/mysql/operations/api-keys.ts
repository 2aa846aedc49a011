import { createHash } from 'node:crypto';
import { isReservedUser } from '../../domain/api-keys.ts';
import type { Identity, KeyStore, Scope } from '../../domain/identity.ts';
import { newUuidV7 } from '../../domain/ids.ts';
import { Problem } from '../../domain/problem.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Database } from '../connection/pool.ts';

interface Known {
  identity: Identity;
  hash: string;
  readAtMs: number;
  /**
   * When the key expires by the clock of MySQL, converted to the monotonic clock of this process; infinite for never.
   */
  endsAtMs: number;
  /** Whether the key has been used since its use was last recorded. */
  wasUsed: boolean;
}

interface KeyRow {
  user: string;
  scopes: string;
  key_id: string | null;
  account_prefixes: string | null;
  remaining_us: number | string | null;
}

/** A key is read again after this time, ms, even if `forgetChanged` has found no change. */
const FRESH_MS = 30_000;
/**
 * Keys that were changed within this many seconds are forgotten at every step. This is longer than any statement takes,
 * to allow for a change that is committed late, and for a read that began before the change.
 */
const CHANGED_WITHIN_S = 15;
/** Uses are recorded with this precision, in seconds, so that a busy key costs only one write in this time. */
const USE_PRECISION_S = 300;
const USES_PER_STATEMENT = 100;
/** If MySQL hangs, callers whose keys are known must not be delayed. */
const RENEWAL_WAIT_MS = 200;
/**
 * Unknown keys are forgotten sooner, and the number of cached keys of both kinds is limited: a flood of guesses must
 * not fill the memory.
 */
const UNKNOWN_FRESH_MS = 2_000;
const KEYS_MAX = 10_000;
/** Anyone can send invented keys; lookups of them must not use all connections. */
const FLIGHTS_MAX = 100;

export const hashOfKey = (key: string): string => createHash('sha256').update(key).digest('hex');

/**
 * API keys, hashed at rest. Every request needs one, so keys are checked in memory; a known key is still accepted while
 * MySQL is unavailable, but not beyond its expiry.
 */
export class ApiKeyStore implements KeyStore {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #scopes: ReadonlySet<string>;
  #known = new Map<string, Known>();
  /**
   * Hashes of unknown keys (a guess may have 8 kB), cached separately so that a flood of guesses does not evict valid
   * ones.
   */
  #unknown = new Map<string, number>();
  readonly #flights = new Map<string, Promise<Identity | null>>();
  /** All changes up to this time are known. */
  #upToDateMs = Number.NEGATIVE_INFINITY;

  constructor(database: Database, clock: Clock, scopes: readonly string[]) {
    this.#database = database;
    this.#clock = clock;
    this.#scopes = new Set(scopes);
  }

  async identify(presentedKey: string): Promise<Identity | null> {
    const now = this.#clock.monotonic();
    const known = this.#known.get(presentedKey);
    if (known && now < known.endsAtMs) {
      known.wasUsed = true;
      return now - known.readAtMs < FRESH_MS ? known.identity : this.#renewed(presentedKey, known);
    }
    if (now - (this.#unknown.get(hashOfKey(presentedKey)) ?? Number.NEGATIVE_INFINITY) < UNKNOWN_FRESH_MS) return null;
    return this.#flights.get(presentedKey) ?? this.#ask(presentedKey);
  }

  /**
   * Handles a known key that was read long ago: one request at a time reads it again, and waits for the reply only
   * briefly.
   */
  async #renewed(key: string, { identity }: Known): Promise<Identity | null> {
    if (this.#flights.has(key)) return identity;
    const asKnown = () => identity;
    return Promise.race([this.#ask(key).catch(asKnown), this.#clock.sleep(RENEWAL_WAIT_MS).then(asKnown)]);
  }

  async #ask(key: string): Promise<Identity | null> {
    if (this.#flights.size >= FLIGHTS_MAX) throw new Problem('overloaded', 'too many keys are waiting to be looked up');
    const flight = this.#read(key).finally(() => this.#flights.delete(key));
    this.#flights.set(key, flight);
    return flight;
  }

  /**
   * Forgets the keys that have changed, so that they are read again: a key that any process has revoked is rejected
   * here after the next call. Call it every second. @throws Problem database_unavailable
   */
  async forgetChanged(): Promise<void> {
    const now = this.#clock.monotonic();
    const changed = await this.#database.rows<{ key_hash: string }>(
      `SELECT key_hash FROM api_keys WHERE changed_at > NOW(3) - INTERVAL ${CHANGED_WITHIN_S} SECOND`,
    );
    // After an outage, changes may have been missed: every key is read again when it is next used.
    const missedNone = now - this.#upToDateMs < (CHANGED_WITHIN_S * 1000) / 2;
    if (missedNone) this.forget(changed.map(({ key_hash }) => key_hash));
    else for (const known of this.#known.values()) known.readAtMs = Number.NEGATIVE_INFINITY;
    this.#upToDateMs = now;
  }

  /** The next request with one of these keys reads it again, and is rejected if MySQL is unavailable. */
  forget(hashes: readonly string[]): void {
    if (hashes.length === 0) return;
    const changed = new Set(hashes);
    for (const [key, { hash }] of this.#known) if (changed.has(hash)) this.#known.delete(key);
  }

  /** Records which keys were used since the last call. Call it every minute. @throws Problem database_unavailable */
  async recordUses(): Promise<void> {
    const used = [...this.#known.values()].filter(({ wasUsed }) => wasUsed);
    const hashes = used.map(({ hash }) => hash).sort();
    for (let from = 0; from < hashes.length; from += USES_PER_STATEMENT) {
      await this.#database.rows(
        `UPDATE api_keys SET last_used_at = NOW(3), changed_at = changed_at
         WHERE key_hash IN (?) AND (last_used_at IS NULL OR last_used_at < NOW(3) - INTERVAL ${USE_PRECISION_S} SECOND)`,
        [hashes.slice(from, from + USES_PER_STATEMENT)],
      );
    }
    for (const known of used) known.wasUsed = false;
  }

  /**
   * Adds a key; adding the same key again only updates its holder and scopes. A key with an expiry or restrictions
   * keeps its rights, and a revoked one stays revoked.
   */
  async add(key: string, user: string, scopes: readonly string[]): Promise<void> {
    await this.#database.rows(
      `INSERT INTO api_keys (key_hash, \`user\`, scopes, key_id) VALUES (?, ?, ?, ?)
       ON DUPLICATE KEY UPDATE \`user\` = VALUES(\`user\`), scopes = IF(granted_scopes IS NULL, VALUES(scopes), scopes),
         key_id = COALESCE(key_id, VALUES(key_id))`,
      [hashOfKey(key), user, scopes.join(' '), newUuidV7(this.#clock.now())],
    );
  }

  async #read(key: string): Promise<Identity | null> {
    const hash = hashOfKey(key);
    const readAtMs = this.#clock.monotonic();
    const [row] = await this.#database.rows<KeyRow>(
      `SELECT \`user\`, COALESCE(granted_scopes, scopes) AS scopes, key_id, account_prefixes,
         TIMESTAMPDIFF(MICROSECOND, NOW(3), expires_at) AS remaining_us
       FROM api_keys WHERE key_hash = ? AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > NOW(3))`,
      [hash],
    );
    if (!row) {
      this.#known.delete(key);
      if (this.#unknown.size >= KEYS_MAX) this.#unknown = new Map();
      this.#unknown.set(hash, this.#clock.monotonic());
      return null;
    }
    const remainingMs = row.remaining_us === null ? Number.POSITIVE_INFINITY : Number(row.remaining_us) / 1000;
    const endsAtMs = readAtMs + remainingMs;
    const identity = this.#identityIn(row, remainingMs);
    // The cache is full: start with an empty one, which costs one read per active key.
    if (this.#known.size >= KEYS_MAX) this.#known = new Map();
    this.#known.set(key, { identity, hash, readAtMs, endsAtMs, wasUsed: true });
    return identity;
  }

  #identityIn({ user, scopes, key_id, account_prefixes }: KeyRow, remainingMs: number): Identity {
    return {
      user: holderOf(user),
      scopes: new Set(scopes.split(' ').filter((scope): scope is Scope => this.#scopes.has(scope))),
      // An empty list allows no account.
      ...(account_prefixes !== null && { accountPrefixes: account_prefixes.split(' ').filter((one) => one !== '') }),
      ...(key_id !== null && { keyId: key_id }),
      ...(remainingMs < Number.POSITIVE_INFINITY && { expiresAt: this.#clock.now() + remainingMs }),
    };
  }
}

/**
 * A holder whose name looks like that of a JWT user is renamed, so that no posting can be mistaken for one of that
 * user.
 */
function holderOf(user: string): string {
  return isReservedUser(user) ? `key:${user}` : user;
}
