import { createHash } from 'node:crypto';
import { type Identity, JWT_USER_PREFIX, type KeyStore, type Scope } from '../../domain/identity.ts';
import { Problem } from '../../domain/problem.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Database } from '../connection/pool.ts';

interface Known {
  identity: Identity;
  readAtMs: number;
}

/** A key is read again after this time, ms: a revoked key may be accepted for up to this time. */
const FRESH_MS = 30_000;
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
 * API keys, hashed at rest. Every request needs one, so they are answered from memory; a known key is still accepted
 * while MySQL is unavailable.
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

  constructor(database: Database, clock: Clock, scopes: readonly string[]) {
    this.#database = database;
    this.#clock = clock;
    this.#scopes = new Set(scopes);
  }

  async identify(presentedKey: string): Promise<Identity | null> {
    const now = this.#clock.monotonic();
    const known = this.#known.get(presentedKey);
    if (known && now - known.readAtMs < FRESH_MS) return known.identity;
    if (known) return this.#renewed(presentedKey, known);
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

  /** Adds a key; adding the same key again only updates its holder and scopes. */
  async add(key: string, user: string, scopes: readonly string[]): Promise<void> {
    await this.#database.rows(
      `INSERT INTO api_keys (key_hash, \`user\`, scopes) VALUES (?, ?, ?)
       ON DUPLICATE KEY UPDATE \`user\` = VALUES(\`user\`), scopes = VALUES(scopes)`,
      [hashOfKey(key), user, scopes.join(' ')],
    );
  }

  async #read(key: string): Promise<Identity | null> {
    const hash = hashOfKey(key);
    const [row] = await this.#database.rows<{ user: string; scopes: string }>(
      'SELECT `user`, scopes FROM api_keys WHERE key_hash = ? AND revoked_at IS NULL',
      [hash],
    );
    const scopes = row?.scopes.split(' ').filter((scope): scope is Scope => this.#scopes.has(scope));
    if (!row || !scopes) {
      this.#known.delete(key);
      if (this.#unknown.size >= KEYS_MAX) this.#unknown = new Map();
      this.#unknown.set(hash, this.#clock.monotonic());
      return null;
    }
    const identity = { user: holderOf(row.user), scopes: new Set(scopes) };
    // The cache is full: start with an empty one, which costs one read per active key.
    if (this.#known.size >= KEYS_MAX) this.#known = new Map();
    this.#known.set(key, { identity, readAtMs: this.#clock.monotonic() });
    return identity;
  }
}

/**
 * A holder whose name looks like that of a JWT user is renamed, so that no posting can be mistaken for one of that
 * user.
 */
function holderOf(user: string): string {
  return user.toLowerCase().startsWith(JWT_USER_PREFIX) ? `key:${user}` : user;
}
