import { createApp } from "./app";
import { Engine } from "./engine";
import openapi from "./openapi.json";
import ops from "./pcpu_ops.wasm";
import { Objects } from "./objects";
import programs, { decoder, named, reconstructors } from "./programs.js";

export default createApp(new Engine(ops, programs, named), decoder && new Objects(decoder, reconstructors), openapi);
