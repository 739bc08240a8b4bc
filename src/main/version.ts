/** Version of the programs: that of the root package. */
import root from '../../package.json' with { type: 'json' }

export const VERSION: string = root.version
