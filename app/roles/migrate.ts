import { migrate } from '../mysql/schema/data-source.ts';

/** Brings the schema up to date. @returns a message for the operator */
export async function runMigrations(mysqlUrl: string): Promise<string> {
  const done = await migrate(mysqlUrl);
  return done.length === 0 ? 'The schema is up to date.' : `Migrated: ${done.join(', ')}.`;
}
