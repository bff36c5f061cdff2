// Limits `jco serve` to one directory. Without it, the handler gets the whole file system and the whole environment.

import { _setEnv } from '@bytecodealliance/preview2-shim/cli';
import { _setPreopens } from '@bytecodealliance/preview2-shim/filesystem';

_setPreopens({ '/': process.env.SITE });
_setEnv(Object.fromEntries(Object.entries(process.env).filter(([name]) => name.startsWith('GLASSHOUSE_'))));
