import type { PodAuthority } from '../../app/authority/authority-ports.ts';
import { TIMES } from '../world/settings.ts';
import { type Mutant, pods, replaced } from './mutant.ts';

/** Every pod id that a process registers, in order. */
function registeredBy(authority: PodAuthority): { podIds: Set<string>; authority: PodAuthority } {
  const podIds = new Set<string>();
  return {
    podIds,
    authority: replaced(authority, {
      register(podId, epoch) {
        podIds.add(podId);
        return authority.register(podId, epoch);
      },
    }),
  };
}

/**
 * Rules about how a process leaves an epoch that continues: it stops, or it takes another id because attempts stay in
 * doubt.
 */
export const STOPPING: Mutant[] = [
  {
    name: 'stop-without-hand-over',
    rule: 'A stopping pod hands over everything that it knows of its epoch.',
    theme: 'stops',
    assembly: pods(({ authority }) => ({ stop: (session) => authority.removeProcess(session.podId) })),
  },
  {
    name: 'stop-removes-its-registration-at-once',
    rule: 'A stopping pod removes its registration only once MySQL has everything that the pod knows.',
    theme: 'stops',
    assembly: pods((ports) => {
      const { podIds, authority } = registeredBy(ports.authority);
      return {
        authority,
        async stop() {
          for (const podId of podIds) await authority.removePod(podId).catch(() => {});
        },
      };
    }),
  },
  {
    name: 'stop-forgets-its-hand-over-after-one-failure',
    rule: 'A stopping pod repeats the hand-over while MySQL does not accept it, and reports when it gives up.',
    theme: 'stops',
    assembly: pods(({ handOverStore }, _mysql, clock) => {
      let stopping = false;
      const once = (step: Promise<void>) => (stopping ? step.catch(() => {}) : step);
      return {
        async stop(session) {
          stopping = true;
          await session.stop();
          await clock.sleep(TIMES.heartbeatMs);
        },
        handOverStore: {
          keep: (...part) => once(handOverStore.keep(...part)),
          complete: (...mark) => once(handOverStore.complete(...mark)),
        },
      };
    }),
  },
  {
    name: 'own-ids-are-retired-at-seq-0',
    rule: 'In-doubt attempts under an earlier id of a process are resolved once MySQL has everything up to the seq at which that id was retired.',
    theme: 'renewals',
    assembly: pods(({ retire }) => ({
      retire: async (caller, podId) => ({ ...(await retire(caller, podId)), seq: 0 }),
    })),
  },
  {
    name: 'own-ids-are-not-retired',
    rule: 'A process that takes another id retires the earlier ones in Redis: no attempt under them may run anymore.',
    theme: 'renewals',
    assembly: pods(({ cache }) => ({
      retire: async ({ epoch, format, replid }, podId) => (await cache.read({ epoch, format, replid, podId }, [])).head,
    })),
  },
  {
    name: 'hand-over-under-its-last-id-only',
    rule: 'A process hands over under every id that it tried to register in the epoch, including retired ones.',
    theme: 'renewals',
    assembly: pods(({ handOverStore }) => ({
      handOverStore: replaced(handOverStore, {
        complete: (epoch, podIds, observed) => handOverStore.complete(epoch, podIds.slice(-1), observed),
      }),
    })),
  },
];
