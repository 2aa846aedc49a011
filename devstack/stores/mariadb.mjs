/**
 * A private MariaDB (or MySQL 8): it syncs every commit to disk, keeps a row-based binlog, and listens on loopback
 * only. Its data folder is created under a temporary name and renamed when complete, so it is never left half-written
 * by an interrupted start.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, totalmem, userInfo } from 'node:os';
import { join } from 'node:path';
import { findProgram, requireProgram } from '../install/packages.mjs';
import { UserError } from '../system/console.mjs';
import { readJson, requireSpace, storedValue, writeAtomically } from '../system/folder.mjs';
import { firstAnswer, freePort, LOOPBACK } from '../system/ports.mjs';
import { end, runTool, start } from '../system/process.mjs';

export const USER = 'holdfast';
export const DATABASE = 'holdfast';

/** Records which server created the data folder. It is written last, before the folder gets its final name. */
const MARKER = 'holdfast-complete.json';
const UNIX_SOCKET_PATH_MAX = 100; // 107 bytes is the kernel's limit
const SPACE_NEW_MIB = 1500;
const SPACE_MIB = 200;

/** @typedef {{ flavour: 'MariaDB' | 'MySQL', version: string }} Maker */

/**
 * @typedef {object} MariadbOptions
 * @property {string} dir for its data and its configuration
 * @property {number} port
 * @property {string} [stack] the folder whose processes end together; the default is `dir`
 * @property {string} [logFile]
 * @property {boolean} [relaxed] for tests: a small server that never syncs its files, has no binlog, and loses data if
 * the machine crashes; its user may create databases and users
 * @property {number} [shards] with several shards, each has its own database
 * @property {AbortSignal} [signal]
 */

/**
 * The databases of a ledger with this many shards. A ledger with one shard and one with several are different ledgers.
 * @param {number} shards
 */
export function databasesOf(shards) {
  return shards === 1 ? [DATABASE] : Array.from({ length: shards }, (_, shard) => `${DATABASE}_${shard}`);
}

/**
 * Creates the data folder if there is none.
 * @param {MariadbOptions} options
 * @returns {Promise<{ program: import('../system/process.mjs').Program, password: string }>}
 */
export async function mariadbProgram(options) {
  const { dir, port, stack = dir, logFile = join(dir, 'mysql.log'), relaxed = false, shards = 1 } = options;
  const command = requireProgram('mysql');
  const maker = makerOf(command);
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const data = join(dir, 'data');
  const password = storedValue(join(dir, 'password'));
  const state = dataState(data);
  if (state === 'damaged') throw new UserError(damaged(data));
  if (state === 'absent') await makeData({ command, maker, data, logFile, stack, signal: options.signal, relaxed });
  else requireSameMaker(data, maker);
  if (!relaxed) requireSpace(dir, SPACE_MIB);

  const config = join(dir, 'my.cnf');
  const init = join(dir, 'init.sql');
  writeFileSync(config, mariadbConfig({ dir, data, port, init, maker, relaxed }), { mode: 0o600 });
  writeFileSync(init, initStatements(password, databasesOf(shards), relaxed), { mode: 0o600 });
  return {
    password,
    program: {
      name: maker.flavour,
      part: 'mysql',
      command,
      args: [`--defaults-file=${config}`],
      stack,
      logFile,
      // The server sends its first packet after the statements in init.sql have run. Byte 4 of it is the protocol
      // version.
      answers: async () => (await firstAnswer(port))?.at(4) === 10,
      readyMsMax: 300_000, // recovery after a crash
      stopMsMax: 60_000,
      advice: (log) => mariadbAdvice(log, dir),
    },
  };
}

/**
 * @param {string} data
 * @returns {'absent' | 'complete' | 'damaged'}
 */
export function dataState(data) {
  if (!existsSync(data) || readdirSync(data).length === 0) return 'absent';
  return readJson(join(data, MARKER)) === undefined ? 'damaged' : 'complete';
}

/** @param {string} data */
function damaged(data) {
  return `Holdfast did not finish creating the database folder ${data}, so it is left unchanged. If it contains nothing of value, delete or move it and start again; or set STACK_DIR to another folder.`;
}

/**
 * @param {string} command
 * @returns {Maker}
 */
function makerOf(command) {
  const text = execFileSync(command, ['--no-defaults', '--version'], { encoding: 'utf8' });
  const version = /Ver ([\d.]+)/.exec(text)?.[1] ?? '0';
  const maker = /** @type {Maker} */ ({ flavour: /mariadb/i.test(text) ? 'MariaDB' : 'MySQL', version });
  if (isOlder(version, maker.flavour === 'MariaDB' ? '10.6' : '8.0')) {
    throw new UserError(
      `${command} is ${maker.flavour} ${version}; Holdfast needs MariaDB 10.6 or MySQL 8.0, or newer. Install one, or set MYSQL_URL to a running server.`,
    );
  }
  return maker;
}

/**
 * Compares the first two numbers, which determine the compatibility of data folders.
 * @param {string} version
 * @param {string} than
 */
export function isOlder(version, than) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [thanMajor = 0, thanMinor = 0] = than.split('.').map(Number);
  return major < thanMajor || (major === thanMajor && minor < thanMinor);
}

/**
 * @param {string} data
 * @param {Maker} maker what is installed now
 */
export function requireSameMaker(data, maker) {
  const by = /** @type {Maker} */ (readJson(join(data, MARKER)));
  if (by.flavour === maker.flavour && !isOlder(maker.version, by.version)) {
    if (by.version !== maker.version) writeAtomically(join(data, MARKER), JSON.stringify(maker));
    return;
  }
  throw new UserError(
    `The database folder ${data} was written by ${by.flavour} ${by.version}, which ${maker.flavour} ${maker.version} cannot read. Install the former, move the folder away to start over, or set STACK_DIR to another folder.`,
  );
}

/**
 * @param {{ command: string, maker: Maker, data: string, logFile: string, stack: string, relaxed: boolean,
 *   signal: AbortSignal | undefined }} options
 */
async function makeData({ command, maker, data, logFile, stack, relaxed, signal }) {
  const parent = join(data, '..');
  for (const name of readdirSync(parent)) {
    // An interrupted initialization may have left this folder behind. The lock on the stack folder proves
    // that none is running now.
    if (name.startsWith('data.new-')) rmSync(join(parent, name), { recursive: true, force: true });
  }
  if (!relaxed) requireSpace(parent, SPACE_NEW_MIB);
  // The name is relative to the working directory, because mariadb-install-db does not support
  // paths with spaces.
  const fresh = `./data.new-${process.pid}`;
  const tool = {
    name: `Creating the database folder with ${maker.flavour}`,
    logFile,
    stack,
    cwd: parent,
    ...(signal ? { signal } : {}),
  };
  const user = `--user=${userInfo().username}`;
  const temporary = `--tmpdir=${temporaryFolderOf(parent)}`;
  if (maker.flavour === 'MySQL') {
    await runTool({
      ...tool,
      command,
      args: ['--no-defaults', '--initialize-insecure', `--datadir=${fresh}`, temporary, user],
    });
  } else {
    const install = findProgram('mariadb-install-db', 'mysql_install_db');
    if (install === null)
      throw new UserError(
        'mariadb-install-db is missing: install the package mariadb-server-core (or mariadb-server).',
      );
    const args = ['--no-defaults', `--datadir=${fresh}`, temporary, user, '--skip-test-db', '--skip-name-resolve'];
    const root = ['--auth-root-authentication-method=socket', `--auth-root-socket-user=${userInfo().username}`];
    await runTool({ ...tool, command: install, args: [...args, ...root, '--innodb-log-file-size=16M'] });
  }
  writeFileSync(join(parent, fresh, MARKER), JSON.stringify(maker));
  renameSync(join(parent, fresh), data);
}

/**
 * Returns the folder for the server's temporary files, which is created if it is missing.
 * @param {string} dir
 */
function temporaryFolderOf(dir) {
  const folder = join(dir, 'tmp');
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** @param {{ dir: string, data: string, port: number, init: string, maker: Maker, relaxed: boolean }} options */
function mariadbConfig({ dir, data, port, init, maker, relaxed }) {
  const redo = relaxed ? '96M' : '512M';
  const log = relaxed
    ? 'skip-log-bin\ninnodb_flush_log_at_trx_commit = 2\ninnodb_doublewrite = OFF\ninnodb_flush_method = nosync'
    : `log_bin = ${quote(join(data, 'binlog'))}
binlog_format = ROW
binlog_row_image = MINIMAL
binlog_expire_logs_seconds = 86400
max_binlog_size = 256M
sync_binlog = 1
innodb_flush_log_at_trx_commit = 1`;
  return `# Written at every start by devstack/stores/mariadb.mjs; changes here are lost.
[mysqld]
user = ${userInfo().username}
datadir = ${quote(data)}
# Not shared: a server that starts deletes the temporary tables of all servers that use the same folder.
tmpdir = ${quote(temporaryFolderOf(dir))}
socket = ${quote(socketPath(dir))}
pid_file = ${quote(join(dir, 'mysqld.pid'))}
init_file = ${quote(init)}
bind_address = ${LOOPBACK}
port = ${port}
skip_name_resolve = ON
server_id = 1
default_time_zone = +00:00
character_set_server = utf8mb4
max_connections = 400
max_allowed_packet = 64M
local_infile = OFF
performance_schema = OFF
${maker.flavour === 'MySQL' ? 'mysqlx = OFF\n# The default folder comes with the package; without it, the server does not start.\nsecure_file_priv = NULL' : ''}

${log}
innodb_buffer_pool_size = ${relaxed ? 128 : bufferPoolMib()}M
${maker.flavour === 'MySQL' && !isOlder(maker.version, '8.1') ? `innodb_redo_log_capacity = ${redo}` : `innodb_log_file_size = ${redo}`}
`;
}

/** An eighth of the machine's memory, MiB, so that the keys of a long history fit if possible (loadtest/GROWTH.md). */
function bufferPoolMib() {
  const mib = Math.floor(totalmem() / 8 / 2 ** 20);
  return Math.min(8192, Math.max(256, mib - (mib % 128)));
}

/** @param {string} path */
function quote(path) {
  return `"${path.replaceAll('\\', '\\\\')}"`;
}

/**
 * The path of the socket: in the folder, unless that path would exceed the kernel's limit.
 * @param {string} dir
 */
export function socketPath(dir) {
  const near = join(dir, 'mysql.sock');
  if (Buffer.byteLength(near) <= UNIX_SOCKET_PATH_MAX) return near;
  return join(tmpdir(), `holdfast-${createHash('sha256').update(dir).digest('hex').slice(0, 16)}.sock`);
}

/**
 * Runs at every start, before connections are accepted; repeating it changes nothing.
 * @param {string} password of hex digits
 * @param {readonly string[]} databases
 * @param {boolean} mayMakeDatabases
 */
function initStatements(password, databases, mayMakeDatabases) {
  const grants = mayMakeDatabases
    ? [`GRANT ALL ON *.* TO '${USER}'@'%' WITH GRANT OPTION;`]
    : databases.map((name) => `GRANT ALL ON ${name}.* TO '${USER}'@'%';`);
  return `${databases.map((name) => `CREATE DATABASE IF NOT EXISTS ${name} CHARACTER SET utf8mb4;\n`).join('')}\
CREATE USER IF NOT EXISTS '${USER}'@'%' IDENTIFIED BY '${password}';
ALTER USER '${USER}'@'%' IDENTIFIED BY '${password}';
${grants.join('\n')}
`;
}

/**
 * @param {string} log
 * @param {string} dir
 */
function mariadbAdvice(log, dir) {
  if (/No space left|Disk is full|errno: 28/i.test(log)) return 'The disk is full: free some space, and start again.';
  if (/Unable to lock|Can't lock aria/i.test(log)) return `Another server uses ${dir}: stop it, and start again.`;
  if (/Permission denied|errno: 13/i.test(log)) {
    return `This user has no access to ${dir}: start as the user who created it, or set STACK_DIR to another folder.`;
  }
  return `If the folder was damaged, restore it from a backup, or move ${dir} away to start with an empty database.`;
}

/** @param {{ port: number, password: string, database?: string }} server */
export function mysqlUrl({ port, password, database = DATABASE }) {
  return `mysql://${USER}:${password}@${LOOPBACK}:${port}/${database}`;
}

/**
 * Starts a MariaDB and waits until it responds. Tests use this, too.
 * @param {{ dir: string, port?: number, relaxed?: boolean }} options `dir` keeps the data across starts
 */
export async function startMariadb({ dir, port, relaxed }) {
  const at = port ?? (await freePort());
  const { program, password } = await mariadbProgram({ dir, port: at, ...(relaxed === undefined ? {} : { relaxed }) });
  const running = await start(program);
  return {
    host: LOOPBACK,
    port: at,
    pid: Number(running.pid),
    user: USER,
    password,
    database: DATABASE,
    url: mysqlUrl({ port: at, password }),
    /** Resolves when the process has ended, whatever the reason. */
    ended: running.ended,
    /** Shuts it down cleanly. */
    stop: () => end(running),
  };
}
