// Uniswap V3: a pool, a position, swaps and the quoter, which answers by reverting.
import { MaxUint256, ZeroAddress } from "ethers";

import { packaged } from "../artifacts.mjs";

const Q96 = 2n ** 96n;
const FEE = 3_000n;
const FEE_UNITS = 1_000_000n;
const [TICK_LOWER, TICK_UPPER] = [-60_000n, 60_000n];
const AMOUNT = 10n ** 24n;
const DEADLINE = 4_000_000_000n;
const MIN_SQRT_RATIO = 4_295_128_739n;

const artifact = (part, path) => packaged(`@uniswap/v3-${part}/artifacts/contracts/${path}.json`);

/** Rounded up. */
const divideUp = (value, by) => (value + by - 1n) / by;

/** A swap of token 0 for token 1 that stays in one range: the price after it and what comes out. */
function zeroForOne(amountIn, liquidity, price) {
  const paid = amountIn * (FEE_UNITS - FEE) / FEE_UNITS;
  const shifted = liquidity * Q96;
  const after = divideUp(shifted * price, shifted + paid * price);
  return { after, out: liquidity * (price - after) / Q96 };
}

/** Factory, pool, positions, router, quoters. */
export async function uniswapV3(f) {
  const [owner, trader] = await f.parties(2);
  const factory = await f.deploy(owner, artifact("core", "UniswapV3Factory.sol/UniswapV3Factory"), [], "factory");
  const weth = await f.deploy(owner, packaged("@uniswap/v2-periphery/build/WETH9.json"), [], "WETH9");
  const made = (path, ...more) =>
    f.deploy(owner, artifact("periphery", path), [factory.target, weth.target, ...more], path.split("/").at(-1));
  const positions = await made("NonfungiblePositionManager.sol/NonfungiblePositionManager", ZeroAddress);
  const router = await made("SwapRouter.sol/SwapRouter");
  const quoters = [await made("lens/Quoter.sol/Quoter"), await made("lens/QuoterV2.sol/QuoterV2")];
  const coins = [];
  for (const name of ["A", "B"]) {
    const coin = await f.deploy(owner, f.contracts.Coin, [name, name, 10n * AMOUNT], `coin ${name}`);
    await f.write(owner, coin, "approve", [positions.target, MaxUint256]);
    coins.push(coin);
  }
  coins.sort((one, other) => (BigInt(one.target) < BigInt(other.target) ? -1 : 1));
  const [zero, one] = coins;
  const tokens = [zero.target, one.target];
  await f.write(owner, positions, "createAndInitializePoolIfNecessary", [...tokens, FEE, Q96]);
  const pool = f.at(await factory.getPool(...tokens, FEE), artifact("core", "UniswapV3Pool.sol/UniswapV3Pool").abi);
  f.same((await pool.slot0()).sqrtPriceX96, Q96, "the first price");
  await f.refused(owner, factory, "createPool", [...tokens, FEE], { empty: true });
  await f.refused(owner, pool, "initialize", [Q96], { reason: "AI" });
  const range = [...tokens, FEE, TICK_LOWER, TICK_UPPER, AMOUNT, AMOUNT];
  await f.refused(owner, positions, "mint", [[...range, AMOUNT + 1n, 0n, owner.address, DEADLINE]],
    { reason: "Price slippage check" });
  const minted = await f.write(owner, positions, "mint", [[...range, 0n, 0n, owner.address, DEADLINE]]);
  const { tokenId, liquidity } = f.event(minted, positions, "IncreaseLiquidity");
  f.same([await pool.liquidity(), await positions.ownerOf(tokenId)], [liquidity, owner.address], "the position");
  const out = await swap({ f, owner, trader, router, quoters, pool, zero, one, liquidity });
  await close({ f, owner, trader, positions, one, tokenId, liquidity, out });
}

async function swap({ f, owner, trader, router, quoters, pool, zero, one, liquidity }) {
  const amount = 10n ** 21n;
  await f.write(owner, zero, "transfer", [trader.address, amount]);
  const fields = (least, deadline = DEADLINE) => [[zero.target, one.target, FEE, trader.address, deadline, amount, least, 0n]];
  await f.refused(trader, router, "exactInputSingle", fields(0n), { reason: "STF" });
  await f.write(trader, zero, "approve", [router.target, amount]);
  const { after, out } = zeroForOne(amount, liquidity, Q96);
  const [first, second] = quoters;
  f.same(await first.quoteExactInputSingle.staticCall(zero.target, one.target, FEE, amount, 0n), out, "the quoter");
  const quote = await second.quoteExactInputSingle.staticCall([zero.target, one.target, amount, FEE, 0n]);
  f.same([quote.amountOut, quote.sqrtPriceX96After], [out, after], "the second quoter, with the price");
  f.checks.ok(quote.gasEstimate > 50_000n, "and the gas that it measured");
  await f.write(trader, second, "quoteExactInputSingle", [[zero.target, one.target, amount, FEE, 0n]]);
  f.same((await pool.slot0()).sqrtPriceX96, Q96, "asking has moved nothing");
  await f.refused(trader, router, "exactInputSingle", fields(out + 1n), { reason: "Too little received" });
  await f.refused(trader, router, "exactInputSingle", fields(0n, 1n), { reason: "Transaction too old" });
  await f.refused(trader, pool, "swap", [trader.address, true, 0n, MIN_SQRT_RATIO + 1n, "0x"], { reason: "AS" });
  const receipt = await f.write(trader, router, "exactInputSingle", fields(out));
  const tick = (await pool.slot0()).tick;
  f.event(receipt, pool, "Swap", [router.target, trader.address, amount, -out, after, liquidity, tick]);
  f.same([await one.balanceOf(trader.address), (await pool.slot0()).sqrtPriceX96], [out, after], "what came out, and the price");
  return out;
}

async function close({ f, owner, trader, positions, one, tokenId, liquidity, out }) {
  await f.refused(trader, positions, "decreaseLiquidity", [[tokenId, liquidity, 0n, 0n, DEADLINE]], { reason: "Not approved" });
  await f.refused(owner, positions, "burn", [tokenId], { reason: "Not cleared" });
  const before = await one.balanceOf(owner.address);
  const decrease = positions.interface.encodeFunctionData("decreaseLiquidity", [[tokenId, liquidity, 0n, 0n, DEADLINE]]);
  const most = 2n ** 128n - 1n;
  const collect = positions.interface.encodeFunctionData("collect", [[tokenId, owner.address, most, most]]);
  const burn = positions.interface.encodeFunctionData("burn", [tokenId]);
  const receipt = await f.write(owner, positions, "multicall", [[decrease, collect, burn]]);
  const { amount1 } = f.event(receipt, positions, "Collect");
  f.same((await one.balanceOf(owner.address)) - before, amount1, "what the position gave back");
  // The pool rounds in its own favour: a unit or two stay.
  f.checks.ok(amount1 + out <= AMOUNT && amount1 + out >= AMOUNT - 3n, "nothing is lost but roundings");
  await f.callRefused({ to: positions.target, data: positions.interface.encodeFunctionData("ownerOf", [tokenId]) },
    { reason: "ERC721: owner query for nonexistent token" }, positions.interface, "the position after its end");
}
