/** What the objects need of the environment. */
export interface ObjectEnv {
  /** The layout as JSON, when the deployment sets one (src/site/deployed.ts). */
  readonly LAYOUT?: string;
  readonly LOGS: R2Bucket;
}
