import { type ApiKey, type KeyAction, type KeyLogEntry, sortedScopes, type WantedKey } from '../../domain/api-keys.ts';

export interface KeyRow {
  key_hash: string;
  key_id: string | null;
  user: string;
  name: string | null;
  scopes: string;
  account_prefixes: string | null;
  created_at: Date;
  created_by: string | null;
  replaces: string | null;
  expires_at: Date | null;
  revoked_at: Date | null;
  last_used_at: Date | null;
  status: ApiKey['status'];
}

/** A key with the hash that identifies it in MySQL. */
export interface StoredKey {
  key: ApiKey;
  hash: string;
}

/** The columns of a key, with its state by the clock of MySQL. */
export const SELECT_KEYS = `
  SELECT key_hash, key_id, \`user\`, \`name\`, COALESCE(granted_scopes, scopes) AS scopes, account_prefixes, created_at, created_by,
    replaces, expires_at, revoked_at, last_used_at,
    CASE WHEN revoked_at IS NOT NULL THEN 'REVOKED' WHEN expires_at <= NOW(3) THEN 'EXPIRED' ELSE 'ACTIVE' END AS \`status\`
  FROM api_keys`;

const timeOf = (moment: Date | null): number | null => moment?.getTime() ?? null;
const partsOf = (list: string): string[] => list.split(' ').filter((part) => part !== '');

export function storedKeyOf(row: KeyRow): StoredKey {
  const key: ApiKey = {
    keyId: row.key_id ?? '',
    user: row.user,
    name: row.name,
    scopes: sortedScopes(partsOf(row.scopes)),
    accountPrefixes: row.account_prefixes === null ? null : partsOf(row.account_prefixes),
    createdAt: row.created_at.getTime(),
    createdBy: row.created_by,
    replaces: row.replaces,
    expiresAt: timeOf(row.expires_at),
    revokedAt: timeOf(row.revoked_at),
    lastUsedAt: timeOf(row.last_used_at),
    status: row.status,
  };
  return { key, hash: row.key_hash };
}

/** The values of a new key's columns `scopes`, `granted_scopes` and `account_prefixes`; see the migration. */
export function rightsIn({ scopes, accountPrefixes, expiresAt }: Omit<WantedKey, 'keyId' | 'user' | 'name'>) {
  const listed = sortedScopes(scopes).join(' ');
  const isPlain = accountPrefixes === null && expiresAt === null;
  return [isPlain ? listed : '', isPlain ? null : listed, accountPrefixes?.join(' ') ?? null] as const;
}

export interface LogRow {
  seq: number | string;
  logged_at: Date;
  action: KeyAction;
  key_id: string;
  user: string;
  user_key_id: string | null;
  correlation_id: string | null;
  content: string;
}

export const logEntryOf = (row: LogRow): KeyLogEntry => ({
  seq: Number(row.seq),
  at: row.logged_at.getTime(),
  action: row.action,
  keyId: row.key_id,
  by: row.user,
  byKeyId: row.user_key_id,
  correlationId: row.correlation_id,
  content: JSON.parse(row.content) as Record<string, unknown>,
});
