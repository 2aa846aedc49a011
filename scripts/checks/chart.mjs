/**
 * Validates the chart and k8s/ against Kubernetes' own schemas (kubeconform), a policy (kube-score) and each other.
 * scripts/chart/chart.system.test.ts tests the objects in detail.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { readCommandLine } from '../../app/config/command-line.mjs';
import { findTool, ROOT, runTool } from '../../devstack/install/go-tools.mjs';
import { manifestFiles, OVERLAYS, overlayPlain } from '../chart/manifests.mjs';
import { CHART, EXAMPLES, KUBERNETES, manifestsOf, renderText, SECRETS } from '../chart/render.mjs';
import { filesUnder, SKIPPED } from '../testing/checks.mjs';

readCommandLine({
  name: 'node scripts/checks/chart.mjs',
  about: "Validates the chart and k8s/ against Kubernetes' schemas, a policy, and each other.",
  options: {},
});

const SCHEMAS = join(ROOT, 'scripts', 'chart', 'schemas', '{{ .ResourceKind }}{{ .KindSuffix }}.json');
/** CPU has no limit on purpose (see the chart's README), so this check, and no other, is disabled for all objects. */
const SCORE = ['score', '--ignore-container-cpu-limit', '--output-format', 'ci', '-'];
/** Values that enable every optional feature that no values file enables. */
const ALL = {
  ...SECRETS.default,
  shards: 2,
  mysqlUrl: ['mysql://user:password@mysql:3306/one', 'mysql://user:password@mysql:3306/two'],
  autoscaling: { kind: 'keda', targetTransfersPerSecond: 4000 },
  ingress: { enabled: true, hosts: ['ledger.example'], tlsSecret: 'tls', className: 'nginx', annotations: { a: 'b' } },
  httpRoute: { enabled: true, parentRefs: [{ name: 'gateway', namespace: 'edge' }], hostnames: ['ledger.example'] },
  caBundle: { configMap: 'ca' },
  jwt: { issuer: 'https://issuer', audience: 'holdfast', jwksConfigMap: 'jwks' },
  config: { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' },
  monitoring: { serviceMonitor: true, prometheusRule: true, dashboard: true, labels: { release: 'prometheus' } },
  service: { type: 'LoadBalancer', annotations: { a: 'b' } },
  networkPolicy: {
    clients: [{ podSelector: {} }],
    monitoring: [{ podSelector: {} }],
    redis: { to: [{ podSelector: {} }] },
  },
  image: { digest: `sha256:${'0'.repeat(64)}`, pullSecrets: [{ name: 'registry' }] },
  api: {
    priorityClassName: 'high',
    nodeSelector: { a: 'b' },
    tolerations: [{ operator: 'Exists' }],
    podLabels: { a: 'b' },
  },
};

/** @param {string} text */
function fault(text) {
  console.error(text);
  process.exitCode = 1;
}

/** @param {string} name @param {string} text manifests */
function conforms(name, text) {
  const { ok, stdout, stderr } = runTool('kubeconform', ['-strict', '-summary', '-schema-location', SCHEMAS], {
    input: text,
  });
  if (ok) console.log(`${name}: ${stdout.trim()}`);
  else fault(`${name} does not conform:\n${stdout}${stderr}`);
}

/** @param {string} name @param {string} text manifests */
function scores(name, text) {
  const { stdout, stderr } = runTool('kube-score', SCORE, { input: text });
  const lines = stdout.split('\n').filter((line) => line !== '');
  const findings = lines.filter((line) => /^\[(CRITICAL|WARNING)\]/.test(line));
  if (lines.length === 0) fault(`kube-score returned nothing for ${name}: ${stderr}`);
  // A warning about few replicas is acceptable for development.
  const faults = findings.filter((line) => line.startsWith('[CRITICAL]'));
  if (faults.length > 0) fault(`${name} violates the policy:\n${faults.join('\n')}`);
  console.log(
    `${name}: ${lines.length} results from kube-score, ${findings.length} warnings, ${faults.length} critical`,
  );
}

function lint() {
  for (const [name, values] of Object.entries(SECRETS)) {
    const file = join(CHART, name === 'default' ? 'values.yaml' : `values-${name}.yaml`);
    const args = ['lint', '--strict', '--kube-version', KUBERNETES, '--values', file, '--values', '-', CHART];
    const { ok, stdout, stderr } = runTool('helm', args, { input: JSON.stringify(values) });
    if (ok) console.log(`helm lint --strict, ${name}: passed`);
    else fault(`helm lint, ${name}:\n${stdout}${stderr}`);
  }
}

function chart() {
  for (const [name, values] of [...Object.entries(SECRETS), ['everything', ALL]]) {
    const files = ['default', 'everything'].includes(String(name)) ? [] : [`values-${name}.yaml`];
    const text = renderText(Object(values), { files });
    conforms(`the chart, ${name}`, text);
    scores(`the chart, ${name}`, text);
  }
  conforms('the chart, dev, three shards', renderText({ ...SECRETS.dev, shards: 3 }, { files: ['values-dev.yaml'] }));
}

function examples() {
  for (const [name, files] of Object.entries(EXAMPLES)) {
    const text = renderText({ existingSecret: 'holdfast' }, { files });
    conforms(`example, ${name}`, text);
    scores(`example, ${name}`, text);
  }
  for (const path of filesUnder(join(CHART, 'examples'))) {
    const text = readFileSync(join(CHART, 'examples', path), 'utf8');
    if (/^kind: /m.test(text) && path.endsWith('.yaml')) conforms(`example, ${path}`, text);
  }
}

function manifests() {
  const folder = join(ROOT, 'k8s');
  const made = manifestFiles();
  for (const [path, text] of made) {
    const file = join(folder, path);
    if (!existsSync(file) || readFileSync(file, 'utf8') !== text)
      fault(`k8s/${path} differs from the chart. Run: node scripts/chart/manifests.mjs --write`);
  }
  for (const path of filesUnder(folder))
    if (path.endsWith('.yaml') && !made.has(path)) fault(`k8s/${path} is not generated from the chart: delete it`);
  for (const name of OVERLAYS) {
    const { ok, stdout, stderr } = runTool('kustomize', ['build', join(folder, 'overlays', name)]);
    if (!ok) fault(`kustomize cannot build ${name}:\n${stderr}`);
    conforms(`k8s, ${name}`, stdout);
    scores(`k8s, ${name}`, stdout);
    const wanted = overlayPlain(name);
    const built = manifestsOf(stdout);
    for (const manifest of built) {
      const key = `${manifest.kind}/${manifest.metadata.name}`;
      // Compared after a conversion to JSON, which omits unset values.
      const same = isDeepStrictEqual(
        JSON.parse(JSON.stringify(wanted.get(key) ?? null)),
        JSON.parse(JSON.stringify(manifest)),
      );
      if (!same) fault(`k8s, ${name}: ${key} differs from the chart`);
    }
    if (built.length !== wanted.size) fault(`k8s, ${name} has ${built.length} objects, the chart ${wanted.size}`);
  }
}

if (findTool('helm') === null || findTool('kube-score') === null) {
  console.log(
    'Neither Go 1.21 or newer nor the tools themselves (helm, kubeconform, kustomize, kube-score) are installed: not checked.',
  );
  process.exitCode = SKIPPED;
} else {
  lint();
  chart();
  examples();
  manifests();
}
