import type { Provider } from '../../../devstack/cluster/provider.ts';
import { Killer } from '../cluster/killer.ts';
import { isReady, restartsOf } from '../cluster/pods.ts';
import type { Release } from '../cluster/release.ts';
import { now, untilTrue } from '../cluster/wait.ts';
import { conduct } from '../conduct.ts';
import type { Experiment } from '../experiment.ts';
import { textOf } from '../report.ts';
import { CloudRelease, OTHER_CA } from './cloud.ts';
import type { CloudExample } from './cloud-example.ts';
import { reconcile, statusOf } from './in-api-pod.ts';
import { ManagedStores } from './managed-stores.ts';

/** Installs an example, uses it, kills Redis under load, and tries certificates that must be refused. */

const MODE_MS_MAX = 180_000;
const REDIS_READY_MS_MAX = 60_000;
const CERTIFICATE = /its certificate is not accepted: /;
const VOUCHED = 'config.REDIS_MANAGED=true';

interface Options {
  tag: string;
  rate: number;
  provider: Provider | null;
}

export async function tryCloud(example: CloudExample, options: Options): Promise<void> {
  using stores = await ManagedStores.start();
  const hosts = { redis: stores.redis.host, mysql: stores.mysql.host };
  using installed = new CloudRelease(example, stores, options);
  const say = (text: string): void => console.log(`${example.name}: ${text}`);
  await installed.synchronize(hosts);
  say('External Secrets has written the Secret');
  const since = now();
  installed.upgrade();
  say(`installed in ${((now() - since) / 1000).toFixed(1)} s`);
  say(installed.test().trim());
  const release = installed.find();
  if (!example.vouched) {
    await untilMode(installed, release, 'DIRECT');
    say(await installed.keeperLine(/this Redis may not hold the ledger: .*refuses CONFIG GET/));
    say(
      `DIRECT, as expected with these values; the reconciliation is clean: ${JSON.stringify(await reconcile(installed.api, release))}`,
    );
    installed.upgrade(VOUCHED);
  }
  await untilMode(installed, release, 'CACHE');
  say(installed.test().trim());
  say(JSON.stringify(await statusOf(installed.api, release)).slice(0, 200));
  await killUnderLoad(installed, release, stores, options);
  await refuseOthers(installed, release, stores, say);
}

const untilMode = ({ api }: CloudRelease, release: Release, mode: string): Promise<number> =>
  untilTrue(`the ledger is in ${mode}`, MODE_MS_MAX, async () => (await statusOf(api, release)).mode === mode, 500);

async function killUnderLoad(
  { api }: CloudRelease,
  release: Release,
  stores: ManagedStores,
  { rate, provider }: Options,
): Promise<void> {
  const experiment: Experiment = {
    name: 'kill-managed-redis',
    expectation: 'Transfers continue after Redis is killed, and the ledger returns to Redis.',
    async run(scene) {
      const { epoch } = await statusOf(api, release);
      const pod = stores.pod('redis');
      using killer = new Killer(pod, release.image);
      const since = now();
      killer.kill(pod);
      scene.mark('Redis killed');
      const restarted = () => restartsOf(stores.pod('redis')) > restartsOf(pod) && isReady(stores.pod('redis'));
      await untilTrue('Redis is ready again', REDIS_READY_MS_MAX, restarted, 250);
      scene.measure('Redis ready again', now() - since);
      const isBack = async () => {
        const status = await statusOf(api, release).catch(() => null);
        return status?.mode === 'CACHE' && status.epoch > epoch;
      };
      await untilTrue('the ledger is back in CACHE', MODE_MS_MAX, isBack, 250);
      scene.measure('back to CACHE', now() - since);
      scene.mark('back to CACHE');
    },
  };
  const options = { rate, times: 1, replicasMax: 3, awaySeconds: 0, upgradeFrom: undefined, upgradeTo: undefined };
  const result = await conduct(experiment, { api, release, provider, options }, null);
  console.log(textOf(result));
  if (!result.passed) throw new Error('the books are wrong, or expectations were not met');
}

/**
 * Checks that a certificate of another CA, or for another name, is refused with a log line that gives the reason, and
 * that the service continues meanwhile.
 */
async function refuseOthers(
  installed: CloudRelease,
  release: Release,
  { redis, mysql }: ManagedStores,
  say: (text: string) => void,
): Promise<void> {
  const refused = (what: string, log: string): void => {
    if (!CERTIFICATE.test(log)) throw new Error(`the log does not mention ${what}: ${log}`);
    say(`${what} is refused: ${log.trim()}`);
  };
  refused('another CA', installed.migrationRefused(VOUCHED, `caBundle.configMap=${OTHER_CA}`));
  await installed.synchronize({ redis: redis.host, mysql: mysql.otherHost });
  refused('another host name of MySQL', installed.migrationRefused(VOUCHED));
  await installed.synchronize({ redis: redis.otherHost, mysql: mysql.host });
  installed.restartKeepers();
  refused('another host name of Redis', await installed.keeperLine(/Redis cannot be inspected: .*Hostname/));
  say(installed.test().trim());
  await installed.synchronize({ redis: redis.host, mysql: mysql.host });
  installed.restartKeepers();
  await untilMode(installed, release, 'CACHE');
  say(`back to CACHE; the reconciliation is clean: ${JSON.stringify(await reconcile(installed.api, release))}`);
}
