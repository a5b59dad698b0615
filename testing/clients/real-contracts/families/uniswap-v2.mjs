// Uniswap V2 with tokens only: what swaps give is what the formula says.
import { MaxUint256, ZeroAddress } from "ethers";

import { packaged } from "../artifacts.mjs";

const MINIMUM_LIQUIDITY = 1_000n;
const [RESERVE_A, RESERVE_B] = [1_000_000n * 10n ** 18n, 4_000_000n * 10n ** 18n];
const DEADLINE = 4_000_000_000n;

/** The constant product with 0.3 % for the pool. */
function amountOut(amountIn, reserveIn, reserveOut) {
  const withFee = amountIn * 997n;
  return withFee * reserveOut / (reserveIn * 1_000n + withFee);
}

function squareRoot(value) {
  let [low, high] = [0n, value];
  while (low < high) {
    const middle = (low + high + 1n) / 2n;
    if (middle * middle <= value) low = middle;
    else high = middle - 1n;
  }
  return low;
}

/** Factory, pair, router. */
export async function uniswapV2(f) {
  const [owner, trader] = await f.parties(2);
  const factory = await f.deploy(owner, packaged("@uniswap/v2-core/build/UniswapV2Factory.json"), [owner.address], "factory");
  const weth = await f.deploy(owner, packaged("@uniswap/v2-periphery/build/WETH9.json"), [], "WETH9");
  const router = await f.deploy(owner, packaged("@uniswap/v2-periphery/build/UniswapV2Router02.json"),
    [factory.target, weth.target], "router");
  const coins = [];
  for (const name of ["A", "B"]) {
    const coin = await f.deploy(owner, f.contracts.Coin, [name, name, 10n * RESERVE_B], `coin ${name}`);
    await f.write(owner, coin, "approve", [router.target, MaxUint256]);
    coins.push(coin);
  }
  const [a, b] = coins;
  const path = [a.target, b.target];
  await f.write(owner, router, "addLiquidity", [...path, RESERVE_A, RESERVE_B, RESERVE_A, RESERVE_B, owner.address, DEADLINE]);
  const pair = f.at(await factory.getPair(...path), packaged("@uniswap/v2-core/build/UniswapV2Pair.json").abi);
  f.checks.ok(pair.target !== ZeroAddress, "the pair is there, at the address that the router computes");
  f.same(await pair.balanceOf(owner.address), squareRoot(RESERVE_A * RESERVE_B) - MINIMUM_LIQUIDITY, "liquidity");
  const reserves = async () => {
    const [first, second] = await pair.getReserves();
    return (await pair.token0()) === a.target ? [first, second] : [second, first];
  };
  f.same(await reserves(), [RESERVE_A, RESERVE_B], "reserves");
  await swaps({ f, owner, trader, router, pair, a, b, path, reserves });
  await ends({ f, owner, trader, router, pair, path, weth, factory, reserves });
}

async function swaps({ f, owner, trader, router, pair, a, b, path, reserves }) {
  const amount = 10_000n * 10n ** 18n;
  await f.write(owner, a, "transfer", [trader.address, 3n * amount]);
  const swap = (least, deadline = DEADLINE, who = trader) => [amount, least, path, who.address, deadline];
  const method = "swapExactTokensForTokens";
  await f.refused(trader, router, method, swap(0n), { reason: "TransferHelper: TRANSFER_FROM_FAILED" });
  await f.write(trader, a, "approve", [router.target, 3n * amount]);
  const wanted = amountOut(amount, RESERVE_A, RESERVE_B);
  f.same((await router.getAmountsOut(amount, path))[1], wanted, "what the router says");
  await f.refused(trader, router, method, swap(wanted + 1n), { reason: "UniswapV2Router: INSUFFICIENT_OUTPUT_AMOUNT" });
  await f.refused(trader, router, method, swap(0n, 1n), { reason: "UniswapV2Router: EXPIRED" });
  const receipt = await f.write(trader, router, method, swap(wanted));
  f.event(receipt, b, "Transfer", [pair.target, trader.address, wanted]);
  f.event(receipt, pair, "Sync");
  f.same(await b.balanceOf(trader.address), wanted, "what the trader got");
  f.same(await reserves(), [RESERVE_A + amount, RESERVE_B - wanted], "reserves, and with them the price");
  const second = amountOut(amount, RESERVE_A + amount, RESERVE_B - wanted);
  await f.write(trader, router, method, swap(0n));
  f.same(await b.balanceOf(trader.address), wanted + second, "the second swap at the moved price");
  // Without paying: the product would shrink.
  await f.refused(trader, pair, "swap", [1n, 1n, trader.address, "0x"], { reason: "UniswapV2: INSUFFICIENT_INPUT_AMOUNT" });
}

async function ends({ f, owner, trader, router, pair, path, weth, factory, reserves }) {
  await f.refused(owner, factory, "createPair", path, { reason: "UniswapV2: PAIR_EXISTS" });
  await f.write(owner, pair, "approve", [router.target, MaxUint256]);
  const half = (await pair.balanceOf(owner.address)) / 2n;
  const before = await reserves();
  const supply = await pair.totalSupply();
  await f.write(owner, router, "removeLiquidity", [...path, half, 0n, 0n, trader.address, DEADLINE]);
  f.same(await reserves(), before.map((one) => one - one * half / supply), "what is left in the pool");

  f.event(await f.write(trader, weth, "deposit", []), weth, "Deposit", [trader.address, 0n]);
  await f.write(trader, weth, "withdraw", [0n]);
  await f.refused(trader, weth, "withdraw", [1n], { reason: "" });
  if (!f.mode.metered) return;
  await f.write(trader, weth, "deposit", [], { value: 25n });
  await f.write(trader, weth, "withdraw", [24n]);
  f.same([await weth.balanceOf(trader.address), await weth.totalSupply()], [1n, 1n], "wrapped value");
}
