import { digestOf, SaltSource } from '../../journal/sealed/personal.ts';
import type { SealedAction } from '../../journal/sealed/sealed-entry.ts';
import { isLogged } from '../../journal/sealed/sealing.ts';
import type { Session } from '../connection/pool.ts';
import { type AuthorityColumns, modeOf } from './authority-row.ts';
import { noteEntries } from './unsealed-rows.ts';

/**
 * Notes an administrative action, such as the creation of an API key, for the log, in the transaction that performs it.
 * @param personal data that must not be in the log, such as the name of a user, as JSON; null if there is none
 * @returns the salt of the personal data, hexadecimal, which has to be stored with this data in a column `salt BINARY(16)`;
 * null if there is none, or if the log of the ledger has not begun
 */
export async function noteAction(
  session: Session,
  action: Pick<SealedAction, 'type' | 'subject' | 'at' | 'content'>,
  personal: string | null,
): Promise<string | null> {
  const [row] = await session.rows<Pick<AuthorityColumns, 'epoch' | 'mode'>>(
    (own) => `SELECT epoch, \`mode\` FROM authority WHERE ${own()}`,
  );
  if (!row || !isLogged(modeOf(row.mode).format)) return null;
  const salt = personal === null ? null : new SaltSource(1).next();
  const digest = salt === null || personal === null ? null : digestOf(salt, personal);
  await noteEntries(session, row.epoch, [{ kind: 'action', ...action, digest }]);
  return salt;
}
