/** `npm run cluster`: runs a Kubernetes cluster on this machine, and installs this checkout into it. */
import { existsSync, rmSync } from 'node:fs';
import { choice, flag, readCommandLine, text, texts, wholeNumber } from '../app/config/command-line.mjs';
import { kubectl } from '../devstack/cluster/commands.ts';
import { installExternalSecrets } from '../devstack/cluster/external-secrets.ts';
import { install, loadImageOf, versionTag } from '../devstack/cluster/install.ts';
import { installMonitoring } from '../devstack/cluster/monitoring.ts';
import { chooseProvider, PROVIDERS, startedProvider } from '../devstack/cluster/provider.ts';
import { FOLDER, KUBECONFIG, STATE } from '../devstack/cluster/settings.ts';
import { writeState } from '../devstack/cluster/state.ts';
import { messageOf, print, UserError } from '../devstack/system/console.mjs';
import { whileLocked } from '../devstack/system/lock.mjs';

const COMMANDS = ['up', 'install', 'image', 'monitoring', 'external-secrets', 'status', 'down'] as const;

const { values, operands } = readCommandLine({
  name: 'npm run cluster --',
  about: `Runs Kubernetes on this machine. Uses kind or k3d if they and Docker are installed; otherwise builds Kubernetes
from Go modules (as root, on Debian or Ubuntu; about 20 minutes the first time), without pulling an image.`,
  options: {
    provider: choice(PROVIDERS, 'what runs the cluster; by default, the first usable one of kind, k3d and own'),
    nodes: wholeNumber('nodes for workloads', { min: 1, max: 9, fallback: 3 }),
    namespace: text('NAME', 'namespace to install into', 'holdfast'),
    tag: text('TAG', 'tag of the image; by default, the version in package.json'),
    commit: text('COMMIT', 'for image: the commit to build, such as an earlier release'),
    prebuilt: flag('use the image that is already loaded, instead of building this checkout'),
    values: texts('FILE', 'more values for the chart'),
    set: texts('NAME=VALUE', 'more settings for the chart'),
    'skip-test': flag('do not run helm test after the installation'),
  },
  operands: {
    label: 'COMMAND',
    help: `up starts the cluster. install builds this checkout's image, installs the chart and tests the release. image
  builds the image of a --commit under a --tag without installing it, for upgrades between releases. monitoring
  adds Prometheus and prometheus-adapter, for scaling on transfers per second. external-secrets adds
  the External Secrets operator, for npm run examples:kubernetes. down stops everything and deletes its data.`,
    choices: COMMANDS,
    min: 1,
    max: 1,
  },
  environment: { CLUSTER_DIR: `folder for everything that is built or runs (${FOLDER})` },
});

const required = () => {
  const provider = startedProvider();
  if (provider === null) throw new UserError('There is no cluster: run npm run cluster -- up first.');
  return provider;
};

const ACTIONS: Readonly<Record<(typeof COMMANDS)[number], () => Promise<void>>> = {
  async up() {
    const provider = startedProvider() ?? chooseProvider(values.provider);
    await provider.up(values.nodes);
    writeState(provider.kind, values.nodes);
  },
  async install() {
    const { namespace, tag = versionTag(), prebuilt, set } = values;
    const test = !values['skip-test'];
    await install(required(), { namespace, tag, prebuilt, values: values.values, set, test });
  },
  async image() {
    const { commit, tag } = values;
    if (commit === undefined || tag === undefined) throw new UserError('image needs --commit and --tag.');
    await loadImageOf(required(), commit, tag);
  },
  monitoring: () => installMonitoring(required()),
  'external-secrets': () => installExternalSecrets(required()),
  async status() {
    const provider = required();
    print(`${provider.kind}${existsSync(KUBECONFIG) ? `, export KUBECONFIG=${KUBECONFIG}` : ''}`);
    print(kubectl(['get', 'nodes,pods', '-A', '-o', 'wide']));
  },
  async down() {
    await (startedProvider() ?? chooseProvider(values.provider)).down();
    rmSync(STATE, { force: true });
    print('The cluster is down.');
  },
};

const command = COMMANDS.find((name) => name === operands[0]) ?? 'status';
try {
  await whileLocked(`${STATE} ${command === 'status' ? process.pid : ''}`, ACTIONS[command]);
} catch (error) {
  if (error instanceof UserError) console.error(messageOf(error));
  else console.error(error);
  process.exitCode = 1;
}
