import { EntitySchema, type EntitySchemaColumnOptions } from 'typeorm';

/**
 * The tables that administration reads and writes through TypeORM. The tables of the money path (accounts, transfers,
 * flush_cursor, authority) are listed here, too, so that the schema has one description; the money path itself uses
 * plain SQL.
 */
const id: EntitySchemaColumnOptions = { type: 'varchar', length: 64, charset: 'ascii', collation: 'ascii_bin' };
const moment: EntitySchemaColumnOptions = { type: 'datetime', precision: 3 };
const money: EntitySchemaColumnOptions = { type: 'bigint' };

export interface ApiKeyRow {
  keyHash: string;
  user: string;
  scopes: string;
  createdAt: Date;
  revokedAt: Date | null;
}
export const ApiKeyEntity = new EntitySchema<ApiKeyRow>({
  name: 'ApiKey',
  tableName: 'api_keys',
  columns: {
    keyHash: { name: 'key_hash', type: 'char', length: 64, primary: true },
    user: { type: 'varchar', length: 64 },
    scopes: { type: 'varchar', length: 255 },
    createdAt: { ...moment, name: 'created_at', createDate: true },
    revokedAt: { ...moment, name: 'revoked_at', nullable: true },
  },
});

export interface ReconciliationRow {
  id: string;
  startedAt: Date;
  finishedAt: Date;
  clean: boolean;
  report: string;
}
export const ReconciliationEntity = new EntitySchema<ReconciliationRow>({
  name: 'Reconciliation',
  tableName: 'reconciliations',
  columns: {
    id: { type: 'bigint', primary: true, generated: 'increment' },
    startedAt: { ...moment, name: 'started_at' },
    finishedAt: { ...moment, name: 'finished_at' },
    clean: { type: 'boolean' },
    report: { type: 'mediumtext' },
  },
});

export interface AccountRow {
  accountId: string;
  currency: string;
  external: boolean;
  name: string | null;
  balance: string;
  version: string;
  overdraftLimit: string;
  status: string;
  settingsVersion: number;
  openingOverdraftLimit: string;
  openedBy: string;
  openedAt: Date;
}
export const AccountEntity = new EntitySchema<AccountRow>({
  name: 'Account',
  tableName: 'accounts',
  columns: {
    accountId: { ...id, name: 'account_id', primary: true },
    currency: { type: 'char', length: 3 },
    external: { type: 'boolean' },
    name: { type: 'varchar', length: 140, nullable: true },
    balance: money,
    version: money,
    overdraftLimit: { ...money, name: 'overdraft_limit' },
    status: { type: 'enum', enum: ['ACTIVE', 'SUSPENDED', 'FROZEN', 'CLOSED'] },
    settingsVersion: { type: 'int', unsigned: true, name: 'settings_version' },
    openingOverdraftLimit: { ...money, name: 'opening_overdraft_limit' },
    openedBy: { type: 'varchar', length: 259, name: 'opened_by' },
    openedAt: { ...moment, name: 'opened_at', createDate: true },
  },
});
