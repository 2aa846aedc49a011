/**
 * `npm run examples:kubernetes`: applies the examples for users to a cluster as their comments describe, and verifies
 * that they work.
 */
import { readCommandLine, some, text, texts, wholeNumber } from '../../../app/config/command-line.mjs';
import { kubectl } from '../../../devstack/cluster/commands.ts';
import { versionTag } from '../../../devstack/cluster/install.ts';
import { reachedProvider } from '../../../devstack/cluster/provider.ts';
import { messageOf } from '../../../devstack/system/console.mjs';
import { removeKillers } from '../cluster/killer.ts';
import { CLOUD_EXAMPLES } from './cloud-example.ts';
import { tryTestRun } from './testrun.ts';
import { tryCloud } from './try-cloud.ts';

const NAMES = ['testrun', ...CLOUD_EXAMPLES.map(({ name }) => name)] as const;

const { values } = readCommandLine({
  name: 'npm run examples:kubernetes --',
  about: `Applies examples to the cluster that kubectl reaches, as users would, and verifies that they work: the TestRun for the
k6 operator, and the values for stores of AWS and Alibaba Cloud, with stores in the cluster that behave like managed ones.
The operators that they need must be installed.`,
  options: {
    only: some(NAMES, 'which examples; by default, all of them'),
    tag: text('TAG', 'tag of the image holdfast, which the cluster must have; by default, the version in package.json'),
    rate: wholeNumber('transfers per second while Redis is killed', { min: 1, max: 5000, fallback: 50 }),
    'testrun-set': texts(
      'NAME=VALUE',
      'for the TestRun: another RATE, SECONDS or PATIENCE, on a machine that cannot keep up',
    ),
  },
});

process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));

const provider = reachedProvider();
if (provider !== null) nameZones();
const options = { tag: values.tag ?? versionTag(), rate: values.rate, provider };
const failed: string[] = [];
for (const name of values.only ?? NAMES) {
  console.log(`${name} …`);
  try {
    const example = CLOUD_EXAMPLES.find((one) => one.name === name);
    if (example) await tryCloud(example, options);
    else await tryTestRun(provider, values['testrun-set']);
    console.log(`passed  ${name}`);
  } catch (error) {
    failed.push(name);
    console.error(`FAILED  ${name}: ${messageOf(error)}`, error);
  }
}
removeKillers();
process.exitCode = failed.length > 0 ? 1 : 0;

/**
 * Assigns a zone to each node, because the production values spread the pods over zones, and only nodes in a cloud have
 * zones.
 */
function nameZones(): void {
  const nodes = kubectl(['get', 'nodes', '--selector=!topology.kubernetes.io/zone', '--output=name']).trim();
  for (const [index, node] of nodes.split('\n').filter(Boolean).entries())
    kubectl(['label', node, `topology.kubernetes.io/zone=zone-${index + 1}`]);
}
