// CRC-32 of a Uint8Array by table, a byte or 16 bytes at a time.

import { bytewise, slicing, tables } from "./crc.js";

const T = tables(0xedb88320); // 0x04c11db7 with its bits reversed

export const bytes = (data) => bytewise(T, data);
export const slicing16 = (data) => slicing(T, data);
