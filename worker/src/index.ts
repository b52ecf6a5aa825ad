import { createApp } from "./app";
import { Engine } from "./engine";
import openapi from "./openapi.json";
import ops from "./pcpu_ops.wasm";
import programs, { named } from "./programs.js";

export default createApp(new Engine(ops, programs, named), openapi);
