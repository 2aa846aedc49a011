import type { Authority, MovedBy } from '../../app/domain/authority.ts';
import { AuthorityTables, NOTHING_WAITS, setAuthority } from '../mysql/authority-tables.ts';
import { FormerAuthorityTables } from '../mysql/former-tables.ts';
import { PROTOCOL } from '../world/ports.ts';
import type { Mutant } from './mutant.ts';

/** Rules about the rule format, and about processes of release 0.1.0 that run alongside newer ones. */

class KeepsItsEpoch extends AuthorityTables {
  override async raise(from: Authority, by: MovedBy) {
    const { epoch } = from;
    const moved = await super.raise(from, by);
    if (moved) {
      await this.client.call(({ tables }) => {
        tables.authority = { ...tables.authority, epoch };
      });
    }
    return moved;
  }
}
/** Records the wrong format of the epoch to be recovered, so that its keys are read under wrong names. */
class ForgetsTheFormerFormat extends AuthorityTables {
  override async raise(from: Authority, by: MovedBy) {
    const moved = await super.raise(from, by);
    if (moved) {
      await this.client.call(({ tables }) => {
        tables.authority = { ...tables.authority, cacheFormat: 2 };
      });
    }
    return moved;
  }
}
class RecoversNothing extends AuthorityTables {
  override raise(from: Authority, by: MovedBy): Promise<Authority | null> {
    return this.client.call((server) => {
      const now = server.tables.authority;
      if (now.epoch !== from.epoch || now.format === 2) return null;
      return setAuthority(server, { ...now, ...NOTHING_WAITS, mode: 'DIRECT', format: 2 }, by);
    });
  }
}
/** Acts as if the modes of format 2 had no names of their own. */
class KnowsEveryMode extends FormerAuthorityTables {
  override read(): Promise<Authority> {
    return AuthorityTables.prototype.read.call(this);
  }
}

export const FORMATS: Mutant[] = [
  {
    name: 'format-moves-within-its-epoch',
    rule: 'The move to another format is a move of the authority: it adds 1 to the epoch.',
    theme: 'formats',
    assembly: { ...PROTOCOL, Formats: KeepsItsEpoch },
  },
  {
    name: 'format-of-the-ended-epoch-is-forgotten',
    rule: 'An epoch is recovered in the format in which it began.',
    theme: 'formats',
    assembly: { ...PROTOCOL, Formats: ForgetsTheFormerFormat },
  },
  {
    name: 'format-moves-without-recovery',
    rule: 'Before the rules change, the last epoch of the previous format is recovered.',
    theme: 'formats',
    assembly: { ...PROTOCOL, Formats: RecoversNothing },
  },
  {
    name: 'modes-of-format-2-have-the-names-of-format-1',
    rule: 'If a release does not know the format of an authority, none of its statements matches the row of that authority.',
    theme: 'formats',
    assembly: {
      ...PROTOCOL,
      formerKeeperPorts: (mysql, redis, onAllowed) => ({
        ...PROTOCOL.formerKeeperPorts(mysql, redis, onAllowed),
        authority: new KnowsEveryMode(mysql, onAllowed),
      }),
    },
  },
];
