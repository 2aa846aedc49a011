import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from '../../devstack/install/packages.mjs';

const FOLDER = import.meta.dirname;
const CHECKSUMS = join(FOLDER, 'jars.sha256');
const VERSION = /<jmeter\.version>(.+)<\/jmeter\.version>/.exec(readFileSync(join(FOLDER, 'pom.xml'), 'utf8'))?.[1];
const HOME = join(FOLDER, '..', '..', '.local', `jmeter-${VERSION}`);
const INSTALL_MS_MAX = 10 * 60_000;

/**
 * JMeter in the version that pom.xml names, downloaded once from Maven Central into .local/.
 * @returns its home folder: bin/ApacheJMeter.jar starts it
 * @throws Error without Maven, or if a file is not the expected one
 */
export function installJmeter(): string {
  if (existsSync(HOME)) return HOME;
  if (findProgram('mvn') === null || findProgram('java') === null)
    throw new Error('JMeter needs Java 17 and Maven, which downloads it: apt-get install default-jre-headless maven');
  const parts = `${HOME}.partial`;
  const [jars, settings] = [join(parts, 'jars'), join(parts, 'settings')];
  rmSync(parts, { recursive: true, force: true });
  maven('dependency:copy-dependencies', { outputDirectory: jars });
  const expected = readFileSync(CHECKSUMS, 'utf8');
  const differences = differencesFrom(expected, jars);
  if (differences.length > 0) throw new Error(`these files differ from ${CHECKSUMS}: ${differences.join(', ')}`);
  maven('dependency:unpack-dependencies', {
    outputDirectory: settings,
    markersDirectory: join(parts, 'markers'),
    includeArtifactIds: 'ApacheJMeter_config',
    'mdep.unpack.includes': 'bin/**',
  });
  const home = join(parts, 'home');
  cpSync(join(settings, 'bin'), join(home, 'bin'), { recursive: true });
  for (const lib of ['ext', 'junit']) mkdirSync(join(home, 'lib', lib), { recursive: true });
  for (const jar of readdirSync(jars)) renameSync(join(jars, jar), join(home, placeOf(jar)));
  renameSync(home, HOME);
  rmSync(parts, { recursive: true });
  return HOME;
}

/** Where JMeter expects a jar: its own modules belong in lib/ext, the only folder that it searches for plugins. */
function placeOf(jar: string): string {
  if (jar === `ApacheJMeter-${VERSION}.jar`) return join('bin', 'ApacheJMeter.jar');
  return jar.startsWith('ApacheJMeter_') ? join('lib', 'ext', jar) : join('lib', jar);
}

function maven(goal: string, properties: Record<string, string>): void {
  const settings = Object.entries(properties).map(([name, value]) => `-D${name}=${value}`);
  const args = ['--batch-mode', '--quiet', '--strict-checksums', '--file', join(FOLDER, 'pom.xml'), goal, ...settings];
  const { status, error } = spawnSync('mvn', args, { stdio: 'inherit', timeout: INSTALL_MS_MAX });
  if (error) throw error;
  if (status !== 0) throw new Error(`mvn ${goal} exited with code ${status}`);
}

/**
 * Compares the files of a folder with a list as sha256sum writes it.
 * @returns the names of missing, additional and different files
 */
export function differencesFrom(list: string, folder: string): string[] {
  const lines = list.trim().split('\n');
  const expected = new Map(lines.map((line) => line.split(/\s+/).reverse() as [name: string, sha256: string]));
  const names = new Set([...expected.keys(), ...readdirSync(folder)]);
  return [...names].filter((name) => {
    const path = join(folder, name);
    if (!existsSync(path)) return true;
    return createHash('sha256').update(readFileSync(path)).digest('hex') !== expected.get(name);
  });
}
