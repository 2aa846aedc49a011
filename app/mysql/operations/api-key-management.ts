import {
  type ApiKey,
  exceededRights,
  type IssuedKey,
  type KeyAction,
  type KeyLogEntry,
  type KeyManagement,
  type KeyRequest,
  type KeyRights,
  newKeySecret,
  type Rotation,
  type SeededKey,
  type WantedKey,
} from '../../domain/api-keys.ts';
import { newUuidV7 } from '../../domain/ids.ts';
import { Problem } from '../../domain/problem.ts';
import type { Clock } from '../../kernel/clock.ts';
import { isRolledBack } from '../connection/mysql-errors.ts';
import type { Database, Session } from '../connection/pool.ts';
import { noteAction } from '../rows/noted-action.ts';
import {
  type KeyRow,
  type LogRow,
  logEntryOf,
  rightsIn,
  SELECT_KEYS,
  type StoredKey,
  storedKeyOf,
} from './api-key-rows.ts';
import { hashOfKey } from './api-keys.ts';

interface Dependencies {
  database: Database;
  clock: Clock;
  /** Called with the hashes of keys that have changed, so that this pod notices immediately. */
  changed(hashes: readonly string[]): void;
}

/** A key that expires within this time, in seconds, no longer counts as a key that can manage keys. */
const LASTING_S = 3_600;
const TRIES_MAX = 5;
/** The recorded creator of keys that come from a file. */
const DEPLOYMENT = 'deployment';
const LOG =
  'INSERT INTO api_key_log (`action`, key_id, `user`, user_key_id, correlation_id, content) VALUES (?, ?, ?, ?, ?, ?)';
/** Maximum number of keys without an id that get one each time keys are listed. */
const NAMED_MAX = 1_000;

/** The management of API keys in MySQL. A change and its entries in both logs are one transaction. */
export class ApiKeyManagement implements KeyManagement {
  readonly #deps: Dependencies;
  constructor(deps: Dependencies) {
    this.#deps = deps;
  }

  async create(wanted: WantedKey, request: KeyRequest): Promise<IssuedKey> {
    await this.#permit(wanted, wanted.keyId, request);
    return this.#change(async (session) => {
      const existing = await keyIn(session, wanted.keyId);
      if (existing) return replayOf(existing.key, wanted);
      const secret = newKeySecret();
      await insert(session, hashOfKey(secret), wanted, { createdBy: request.identity.user, replaces: null });
      await log(session, 'CREATED', wanted.keyId, request, contentOf(wanted));
      return { key: await keyOf(session, wanted.keyId), secret };
    });
  }

  /** Creates the keys that do not exist yet. Existing keys remain unchanged, even if they are revoked. */
  async seed(keys: readonly SeededKey[]): Promise<void> {
    await this.#change(async (session) => {
      await lockKeys(session);
      for (const { hash, wanted } of keys) {
        const found = await session.rows('SELECT 1 FROM api_keys WHERE key_hash = ?', [hash]);
        if (found.length > 0) continue;
        await insert(session, hash, wanted, { createdBy: DEPLOYMENT, replaces: null });
        await session.run(LOG, ['SEEDED', wanted.keyId, DEPLOYMENT, null, null, JSON.stringify(contentOf(wanted))]);
      }
    });
  }

  async rotate({ keyId, newKeyId, expiresAt, overlapS }: Rotation, request: KeyRequest): Promise<IssuedKey> {
    // Whoever receives the secret of a key receives its rights.
    await this.#permit(await this.key(keyId), keyId, request);
    return this.#change(async (session, changed) => {
      await lockKeys(session);
      const old = await storedIn(session, keyId);
      const { user, name, scopes, accountPrefixes } = old.key;
      const wanted = { keyId: newKeyId, user, name, scopes, accountPrefixes, expiresAt };
      const existing = await keyIn(session, newKeyId);
      if (existing?.key.replaces === keyId) return replayOf(existing.key, wanted);
      if (existing) throw idReused(newKeyId);
      if (old.key.status !== 'ACTIVE')
        throw new Problem('key_not_active', `${keyId} is ${old.key.status.toLowerCase()}.`);
      const secret = newKeySecret();
      await insert(session, hashOfKey(secret), wanted, { createdBy: request.identity.user, replaces: keyId });
      await session.run(
        `UPDATE api_keys SET expires_at = LEAST(COALESCE(expires_at, '9999-12-31'), NOW(3) + INTERVAL ? SECOND),
           granted_scopes = COALESCE(granted_scopes, scopes), scopes = '' WHERE key_hash = ?`,
        [overlapS, old.hash],
      );
      if (scopes.includes('ops')) await requireOtherOpsKey(session, keyId);
      await log(session, 'ROTATED', keyId, request, { newKeyId, overlapS, ...timeIn(expiresAt) });
      changed.push(old.hash);
      return { key: await keyOf(session, newKeyId), secret };
    });
  }

  async revoke(keyId: string, reason: string | null, request: KeyRequest): Promise<ApiKey> {
    try {
      return await this.#change(async (session, changed) => {
        await lockKeys(session);
        const { key, hash } = await storedIn(session, keyId);
        if (key.status === 'REVOKED') return key;
        if (key.status === 'ACTIVE' && key.scopes.includes('ops')) await requireOtherOpsKey(session, keyId);
        await session.run('UPDATE api_keys SET revoked_at = NOW(3) WHERE key_hash = ?', [hash]);
        await log(session, 'REVOKED', keyId, request, { reason });
        changed.push(hash);
        return keyOf(session, keyId);
      });
    } catch (error) {
      if (error instanceof Problem && error.code === 'last_ops_key') await this.#refused(keyId, error, request);
      throw error;
    }
  }

  async key(keyId: string): Promise<ApiKey> {
    return keyOf(this.#deps.database, keyId);
  }

  async keys(afterKeyId: string, limit: number): Promise<ApiKey[]> {
    const { database } = this.#deps;
    await this.#nameKeys();
    const rows = await database.rows<KeyRow>(`${SELECT_KEYS} WHERE key_id > ? ORDER BY key_id LIMIT ?`, [
      afterKeyId,
      limit,
    ]);
    return rows.map((row) => storedKeyOf(row).key);
  }

  async log(beforeSeq: number, limit: number): Promise<KeyLogEntry[]> {
    const rows = await this.#deps.database.rows<LogRow>(
      `SELECT seq, logged_at, \`action\`, key_id, \`user\`, user_key_id, correlation_id, content FROM api_key_log
       WHERE seq < ? ORDER BY seq DESC LIMIT ?`,
      [beforeSeq, limit],
    );
    return rows.map(logEntryOf);
  }

  /** @throws Problem forbidden, and records it, if the caller has fewer rights than the key */
  async #permit(rights: KeyRights, keyId: string, request: KeyRequest): Promise<void> {
    const reason = exceededRights(request.identity, rights);
    if (reason === null) return;
    const problem = new Problem('forbidden', reason);
    await this.#refused(keyId, problem, request, { scopes: rights.scopes, accountPrefixes: rights.accountPrefixes });
    throw problem;
  }

  async #refused(keyId: string, { code }: Problem, request: KeyRequest, more: object = {}): Promise<void> {
    await this.#deps.database.transaction((session) => log(session, 'REFUSED', keyId, request, { code, ...more }));
  }

  /**
   * Runs a transaction, and repeats it if it conflicted with another one. Then reports the changed keys, even if the
   * commit was not acknowledged, because it may have taken effect.
   */
  async #change<T>(work: (session: Session, changed: string[]) => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      const changed: string[] = [];
      try {
        return await this.#deps.database.transaction((session) => work(session, changed));
      } catch (error) {
        if (tries === TRIES_MAX || !isRolledBack(error)) throw error;
      } finally {
        this.#deps.changed(changed);
      }
    }
  }

  /** Gives an id to keys that were inserted into MySQL directly or by an older release. */
  async #nameKeys(): Promise<void> {
    const { database, clock } = this.#deps;
    const rows = await database.rows<{ key_hash: string }>(
      `SELECT key_hash FROM api_keys WHERE key_id IS NULL LIMIT ${NAMED_MAX}`,
    );
    for (const { key_hash } of rows) {
      const id = newUuidV7(clock.now());
      await database.rows('UPDATE api_keys SET key_id = ? WHERE key_hash = ? AND key_id IS NULL', [id, key_hash]);
    }
  }
}

async function keyIn(session: Pick<Session, 'rows'>, keyId: string): Promise<StoredKey | null> {
  const [row] = await session.rows<KeyRow>(`${SELECT_KEYS} WHERE key_id = ?`, [keyId]);
  return row ? storedKeyOf(row) : null;
}

async function storedIn(session: Pick<Session, 'rows'>, keyId: string): Promise<StoredKey> {
  const stored = await keyIn(session, keyId);
  if (!stored) throw new Problem('key_not_found', `There is no API key ${keyId}.`);
  return stored;
}

const keyOf = async (session: Pick<Session, 'rows'>, keyId: string): Promise<ApiKey> =>
  (await storedIn(session, keyId)).key;

/** Ensures that changes that depend on other keys run one at a time. */
async function lockKeys(session: Session): Promise<void> {
  await session.rows('SELECT COUNT(*) FROM api_keys FOR UPDATE');
}

/** @throws Problem last_ops_key if no other key can manage keys for long enough to create another one */
async function requireOtherOpsKey(session: Session, keyId: string): Promise<void> {
  const others = await session.rows<KeyRow>(
    `${SELECT_KEYS} WHERE revoked_at IS NULL AND (key_id IS NULL OR key_id <> ?)
       AND (expires_at IS NULL OR expires_at > NOW(3) + INTERVAL ${LASTING_S} SECOND)`,
    [keyId],
  );
  if (others.some((row) => storedKeyOf(row).key.scopes.includes('ops'))) return;
  throw new Problem('last_ops_key', `${keyId} is the only valid key with the scope ops. Create another one first.`);
}

async function insert(
  session: Session,
  hash: string,
  wanted: WantedKey,
  { createdBy, replaces }: { createdBy: string; replaces: string | null },
): Promise<void> {
  const { keyId, user, name, expiresAt } = wanted;
  const end = expiresAt === null ? null : new Date(expiresAt);
  await session.run(
    `INSERT INTO api_keys (key_hash, key_id, \`user\`, \`name\`, scopes, granted_scopes, account_prefixes, expires_at, created_by, replaces)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    [hash, keyId, user, name, ...rightsIn(wanted), end, createdBy, replaces],
  );
}

async function log(
  session: Session,
  action: KeyAction,
  keyId: string,
  { identity, correlationId }: KeyRequest,
  content: object,
): Promise<void> {
  const by = [identity.user, identity.keyId ?? null, correlationId];
  await session.run(LOG, [action, keyId, ...by, JSON.stringify(content)]);
  if (action !== 'REFUSED') await seal(session, action, keyId, { ...content, by: identity.keyId ?? null });
}

/** Notes a change in the sealed log, so that an audit can prove it. Names and reasons may be personal. */
async function seal(session: Session, action: KeyAction, keyId: string, content: object): Promise<void> {
  const { user: _user, name: _name, reason: _reason, ...rest } = content as Record<string, unknown>;
  const [row] = await session.rows<{ now: Date }>('SELECT NOW(3) AS `now`');
  const type = `api-key-${action.toLowerCase()}`;
  await noteAction(session, { type, subject: keyId, at: row?.now.getTime() ?? 0, content: rest }, null);
}

const timeIn = (expiresAt: number | null) => ({
  expiresAt: expiresAt === null ? null : new Date(expiresAt).toISOString(),
});

const contentOf = ({ user, name, scopes, accountPrefixes, expiresAt }: WantedKey) => ({
  user,
  name,
  scopes,
  accountPrefixes,
  ...timeIn(expiresAt),
});

/**
 * The request is a repetition if the key has the requested content, apart from its expiry, which a rotation may have
 * changed since.
 * @throws Problem key_id_reused
 */
function replayOf(key: ApiKey, wanted: WantedKey): IssuedKey {
  const own = { ...contentOf(key), expiresAt: null };
  const isSame = JSON.stringify(own) === JSON.stringify({ ...contentOf(wanted), expiresAt: null });
  if (!isSame) throw idReused(key.keyId);
  return { key, secret: null };
}

const idReused = (keyId: string): Problem => new Problem('key_id_reused', `There is another API key ${keyId}.`);
