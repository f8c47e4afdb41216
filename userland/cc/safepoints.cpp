/*
 * Safepoints: an LLVM pass, after all optimisations, that makes loops look at
 * the thread's pending word, so that signals reach code that makes no calls.
 *
 * A look is a load and a branch; in every iteration of a tight loop that is too
 * much. So what is done depends on the loop:
 *
 *   short     it surely ends after SHORT instructions: nothing; it counts as
 *             straight code of the loop around it.
 *   chunked   an innermost loop (but for short ones) without calls: runs in
 *             chunks of CHUNK instructions or so, as the inner of two loops. The
 *             outer one looks. Where the loop counts towards a bound, the inner
 *             loop only gets a nearer bound: its iterations cost nothing more.
 *             Else a variable that steps regularly is compared with a limit.
 *   tested    all others look in every iteration; there is an inner loop or a
 *             call to pay for it.
 *
 * Recursion without loops looks before all of a function's calls but one.
 */
#include "llvm/ADT/PostOrderIterator.h"
#include "llvm/ADT/SCCIterator.h"
#include "llvm/Analysis/CFG.h"
#include "llvm/Analysis/CallGraph.h"
#include "llvm/Analysis/LoopInfo.h"
#include "llvm/Analysis/ScalarEvolution.h"
#include "llvm/Analysis/ScalarEvolutionExpressions.h"
#include "llvm/IR/Dominators.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InlineAsm.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/MDBuilder.h"
#include "llvm/IR/Module.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Plugins/PassPlugin.h"
#include "llvm/Transforms/Scalar/LoopPassManager.h"
#include "llvm/Transforms/Scalar/LoopStrengthReduce.h"
#include "llvm/Transforms/Scalar/SimpleLoopUnswitch.h"
#include "llvm/Transforms/Utils/BasicBlockUtils.h"
#include "llvm/Transforms/Utils/Cloning.h"
#include "llvm/Transforms/Utils/LCSSA.h"
#include "llvm/Transforms/Utils/LoopSimplify.h"

using namespace llvm;

namespace {

/* Costs are counted in instructions of the IR. */
constexpr uint64_t SHORT = 2048;
constexpr uint64_t CHUNK = 16384; /* some microseconds; a look costs nanoseconds */
constexpr uint64_t SMALL = 40;    /* loops of which we have a second copy */
constexpr uint64_t LIBRARY_CALL = 50;
constexpr uint64_t ENDLESS = ~0ull;
/* Between our passes: the function has loops with a copy for long runs. */
constexpr const char *SPLIT = "tabos-split";

/* What a chunked loop is steered by. */
struct Counter {
	PHINode *phi = nullptr; /* in the header; null: we make one */
	APInt step;
	/* The latch's own comparison, when that is the loop's bound: of the phi or of the next value. */
	ICmpInst *compare = nullptr;
	bool of_phi = false;
	bool bound_first = false;
};

struct Plan {
	enum { TESTED, CHUNKED } kind;
	BasicBlock *preheader, *header, *latch;
	uint64_t iterations; /* in a chunk */
	Counter counter;
	bool calls = false;  /* where registers are saved, the word's address is better made anew */
	bool small = false;  /* it pays to leave its short runs alone */
	Loop *loop = nullptr;
	SmallVector<BasicBlock *, 4> blocks = {};
};

uint64_t times(uint64_t a, uint64_t b)
{
	uint64_t product;

	return __builtin_mul_overflow(a, b, &product) ? ENDLESS : product;
}

uint64_t plus(uint64_t a, uint64_t b)
{
	return a > ENDLESS - b ? ENDLESS : a + b;
}

uint64_t leaf_cost(const Function *f);

uint64_t instruction_cost(const Instruction &i)
{
	if (isa<PHINode>(i) || i.isDebugOrPseudoInst() || i.isLifetimeStartOrEnd())
		return 0;
	auto *call = dyn_cast<CallBase>(&i);
	if (!call)
		return 1;
	if (call->isInlineAsm())
		return 1;
	switch (call->getIntrinsicID()) {
	case Intrinsic::not_intrinsic:
		break;
	case Intrinsic::sin: case Intrinsic::cos: case Intrinsic::tan: case Intrinsic::sincos:
	case Intrinsic::exp: case Intrinsic::exp2: case Intrinsic::exp10: case Intrinsic::log:
	case Intrinsic::log2: case Intrinsic::log10: case Intrinsic::pow: case Intrinsic::powi:
	case Intrinsic::fma: case Intrinsic::memcpy: case Intrinsic::memmove: case Intrinsic::memset:
		return LIBRARY_CALL;
	default:
		return 2;
	}
	const Function *f = call->getCalledFunction();
	return f ? leaf_cost(f) : ENDLESS;
}

/* A function that only computes: its cost, else ENDLESS. */
uint64_t leaf_cost(const Function *f)
{
	uint64_t cost = 0;

	if (f->isDeclaration() || f->isInterposable())
		return ENDLESS;
	SmallVector<std::pair<const BasicBlock *, const BasicBlock *>, 4> backward;
	FindFunctionBackedges(*f, backward);
	if (!backward.empty())
		return ENDLESS;
	for (const BasicBlock &block : *f)
		for (const Instruction &i : block) {
			auto *call = dyn_cast<CallBase>(&i);
			if (call && !isa<IntrinsicInst>(call))
				return ENDLESS;
			cost += instruction_cost(i);
		}
	return cost;
}

class Safepoints {
	Function &f;
	LoopInfo &loops;
	ScalarEvolution &se;
	SmallVector<Plan, 8> plans;
	GlobalVariable *pending;
	FunctionCallee safepoint;
	MDNode *unlikely;
	Value *address = nullptr; /* of the pending word, computed at the function's entry */

	BasicBlock *block_new(const Twine &name, BasicBlock *before)
	{
		return BasicBlock::Create(f.getContext(), name, &f, before);
	}

	static DebugLoc location(BasicBlock *block)
	{
		return block->getTerminator()->getDebugLoc();
	}

	Value *word_address(IRBuilder<> &b)
	{
		return b.CreateThreadLocalAddress(pending);
	}

	/* Once for all tests that come in every iteration. */
	Value *hoisted_address()
	{
		if (!address) {
			BasicBlock &entry = f.getEntryBlock();
			IRBuilder<> b(&entry, entry.getFirstNonPHIOrDbgOrAlloca());
			b.SetCurrentDebugLocation(DebugLoc());
			address = word_address(b);
		}
		return address;
	}

	/* At the end of block, which has no terminator: look, and go to next. */
	void look(BasicBlock *block, BasicBlock *next, Value *word, DebugLoc at)
	{
		IRBuilder<> b(block);
		BasicBlock *call = block_new("safepoint", next);

		if (!at && f.getSubprogram())
			at = DILocation::get(f.getContext(), 0, 0, f.getSubprogram());
		b.SetCurrentDebugLocation(at);
		Value *value = b.CreateLoad(b.getInt32Ty(), word ? word : word_address(b), true);
		b.CreateCondBr(b.CreateIsNotNull(value), call, next, unlikely);
		b.SetInsertPoint(call);
		b.CreateCall(safepoint);
		b.CreateBr(next);
	}

	/* Every edge from -> to leads through a look; hoist: the word's address is kept in a variable. */
	void test_edge(BasicBlock *from, BasicBlock *to, bool hoist)
	{
		Instruction *end = from->getTerminator();

		if (isa<IndirectBrInst>(end) || isa<CallBrInst>(end) || isa<InvokeInst>(end)) {
			/* Such an edge can't be split: look before the jump instead. */
			BasicBlock *rest = from->splitBasicBlock(end, "safepoint.after");
			from->getTerminator()->eraseFromParent();
			look(from, rest, hoisted_address(), end->getDebugLoc());
			return;
		}
		DebugLoc at = location(from);
		BasicBlock *test = block_new("safepoint.test", from->getNextNode());
		BasicBlock *resume = block_new("safepoint.resume", from->getNextNode());
		redirect(from, to, test, resume);
		IRBuilder<> b(resume);
		b.SetCurrentDebugLocation(at);
		b.CreateBr(to);
		look(test, resume, hoist ? hoisted_address() : nullptr, at);
	}

	/* from's edges to `to` lead to `first`; to's phis then come from `last`. */
	static void redirect(BasicBlock *from, BasicBlock *to, BasicBlock *first, BasicBlock *last)
	{
		from->getTerminator()->replaceSuccessorWith(to, first);
		for (PHINode &phi : to->phis()) {
			bool seen = false;
			for (unsigned i = 0; i < phi.getNumIncomingValues();) {
				if (phi.getIncomingBlock(i) != from) {
					i++;
				} else if (seen) {
					phi.removeIncomingValue(i, false);
				} else {
					seen = true;
					phi.setIncomingBlock(i++, last);
				}
			}
		}
	}

	/*
	 * v, of which nobody knows any more how it came about: else the code
	 * generator would count chunks instead of using the variables that are there.
	 */
	static Value *opaque(IRBuilder<> &b, Value *v)
	{
		Type *type = v->getType();
		auto *copy = InlineAsm::get(FunctionType::get(type, type, false), "", "=r,0", false);

		return b.CreateCall(copy, v);
	}

	/*
	 * Marks where a branch decides, and the side it hardly ever takes, for hints.mjs:
	 * LLVM has no other way to say so.
	 */
	static void mark(IRBuilder<> &b)
	{
		b.CreateCall(InlineAsm::get(FunctionType::get(b.getVoidTy(), false), "i32.const 0x5afe\n\tdrop", "", true));
	}

	static Value *stepped(IRBuilder<> &b, Value *v, const APInt &step)
	{
		if (v->getType()->isPointerTy())
			return b.CreatePtrAdd(v, b.getInt(step));
		return b.CreateAdd(v, ConstantInt::get(v->getType(), step));
	}

	static APInt chunk_length(const Plan &plan)
	{
		bool equality = ICmpInst::isEquality(plan.counter.compare->getPredicate());

		return plan.counter.step * (plan.iterations - equality);
	}

	static Value *bound_of(const Counter &c)
	{
		return c.compare->getOperand(c.bound_first ? 0 : 1);
	}

	/* Is a loop's bound more than a chunk away, when the compared value begins at `from`? */
	Value *beyond_chunk(IRBuilder<> &b, const Plan &plan, Value *from)
	{
		const Counter &c = plan.counter;
		Value *bound = bound_of(c);
		Type *number = b.getIntNTy(c.step.getBitWidth());
		bool pointer = bound->getType()->isPointerTy();
		Value *to = pointer ? b.CreatePtrToInt(bound, number) : bound;
		Value *begin = pointer ? b.CreatePtrToInt(from, number) : from;
		Value *left = c.step.isNegative() ? b.CreateSub(begin, to) : b.CreateSub(to, begin);
		Value *beyond = b.CreateICmpUGT(left, ConstantInt::get(number, chunk_length(plan).abs()));

		/* When the bound is already passed, the difference says nothing. */
		if (!c.compare->isEquality())
			beyond = b.CreateAnd(beyond, b.CreateICmp(continues(plan), from, bound));
		return beyond;
	}

	/* The predicate p for which the loop goes on while `value p bound`. */
	static ICmpInst::Predicate continues(const Plan &plan)
	{
		auto *branch = cast<BranchInst>(plan.latch->getTerminator());
		auto p = plan.counter.compare->getPredicate();

		if (branch->getSuccessor(0) != plan.header)
			p = ICmpInst::getInversePredicate(p);
		if (plan.counter.bound_first)
			p = ICmpInst::getSwappedPredicate(p);
		return p;
	}

	/*
	 * Short runs of a short loop can't afford what chunks need at the beginning: they
	 * keep the loop as it is, and a copy is made for long ones, which becomes the plan's.
	 */
	void split_off_long_runs(Plan &plan)
	{
		Counter &c = plan.counter;
		BasicBlock *preheader = plan.preheader;
		Value *from = c.phi->getIncomingValueForBlock(preheader);
		IRBuilder<> b(decided_at(plan.loop, from, bound_of(c))->getTerminator());
		Value *is_long = beyond_chunk(b, plan, c.of_phi ? from : stepped(b, from, c.step));
		ValueToValueMapTy map;
		SmallVector<BasicBlock *, 8> copies;

		if (isa<Constant>(is_long))
			return;
		f.addFnAttr(SPLIT);
		BasicBlock *entry = block_new("long", plan.header);
		for (BasicBlock *block : plan.blocks) {
			BasicBlock *copy = CloneBasicBlock(block, map, ".long", &f);
			map[block] = copy;
			copies.push_back(copy);
		}
		map[preheader] = entry;
		remapInstructionsInBlocks(copies, map);
		for (BasicBlock *block : plan.blocks)
			for (BasicBlock *exit : successors(block))
				if (!map.count(exit))
					for (PHINode &phi : exit->phis())
						add_twin_edge(phi, block, map);
		preheader->getTerminator()->eraseFromParent();
		b.SetInsertPoint(preheader);
		b.CreateCondBr(is_long, entry, plan.header, unlikely);
		b.SetInsertPoint(entry);
		b.CreateBr(cast<BasicBlock>(map[plan.header]));
		plan.preheader = entry;
		plan.header = cast<BasicBlock>(map[plan.header]);
		plan.latch = cast<BasicBlock>(map[plan.latch]);
		c.phi = cast<PHINode>(map[c.phi]);
		if (Value *copy = map.lookup(c.compare))
			c.compare = cast<ICmpInst>(copy);
	}

	/* Before which loop around it a loop's beginning and end are known. */
	static BasicBlock *decided_at(Loop *loop, Value *from, Value *bound)
	{
		BasicBlock *found = loop->getLoopPreheader();

		while ((loop = loop->getParentLoop()) && loop->getLoopPreheader() &&
		       loop->isLoopInvariant(from) && loop->isLoopInvariant(bound))
			found = loop->getLoopPreheader();
		return found;
	}

	static void add_twin_edge(PHINode &phi, BasicBlock *block, ValueToValueMapTy &map)
	{
		auto *copy = cast<BasicBlock>(map[block]);

		if (phi.getBasicBlockIndex(copy) >= 0)
			return; /* a switch has more edges than one */
		for (unsigned i = 0, n = phi.getNumIncomingValues(); i < n; i++) {
			if (phi.getIncomingBlock(i) != block)
				continue;
			Value *v = phi.getIncomingValue(i);
			Value *twin = map.lookup(v);
			phi.addIncoming(twin ? twin : v, copy);
		}
	}

	/*
	 *   preheader            preheader
	 *       |                    |
	 *       |                  outer <--------------.
	 *       |                    |                   |
	 *     header <-.           header <-.            |
	 *       ...    |    =>       ...    |            |
	 *     latch ---'           latch ---'            |
	 *       |                    | bound or limit    |
	 *       |                 chunk_end -> look -> resume
	 *      exit                 exit
	 */
	void chunk(Plan &plan)
	{
		BasicBlock *header = plan.header, *latch = plan.latch;
		Counter &c = plan.counter;
		DebugLoc at = location(latch);
		BasicBlock *outer = block_new("chunk", header);
		BasicBlock *poll = block_new("chunk.look", latch->getNextNode());
		BasicBlock *resume = block_new("chunk.resume", poll->getNextNode());

		/* The outer loop has the same variables; the inner one begins with them. */
		IRBuilder<> b(outer);
		b.SetCurrentDebugLocation(at);
		PHINode *counter = nullptr;
		for (PHINode &phi : header->phis()) {
			PHINode *twin = b.CreatePHI(phi.getType(), 2, phi.getName());
			int i = phi.getBasicBlockIndex(plan.preheader);
			twin->addIncoming(phi.getIncomingValue(i), plan.preheader);
			twin->addIncoming(phi.getIncomingValueForBlock(latch), resume);
			phi.setIncomingValue(i, twin);
			phi.setIncomingBlock(i, outer);
			if (&phi == c.phi)
				counter = twin;
		}
		plan.preheader->getTerminator()->replaceSuccessorWith(header, outer);

		if (c.compare) {
			Value *next = c.phi->getIncomingValueForBlock(latch);
			auto *branch = cast<BranchInst>(latch->getTerminator());
			Value *bound = bound_of(c);
			Value *value = c.of_phi ? (Value *)c.phi : next;
			Value *from = c.of_phi ? (Value *)counter : stepped(b, counter, c.step);
			auto go_on = continues(plan);
			Value *limit = opaque(b, b.CreateSelect(beyond_chunk(b, plan, from),
				stepped(b, from, chunk_length(plan)), bound));
			b.CreateBr(header);

			BasicBlock *exit = branch->getSuccessor(branch->getSuccessor(0) == header);
			BasicBlock *end = block_new("chunk.end", poll);
			redirect(latch, exit, end, end);
			b.SetInsertPoint(end);
			/* == where it can be: the limit is the bound then */
			b.CreateCondBr(b.CreateICmp(go_on, value, bound), poll, exit);
			b.SetInsertPoint(branch);
			b.SetCurrentDebugLocation(at);
			branch->setCondition(b.CreateICmp(go_on, value, limit));
			if (branch->getSuccessor(0) != header)
				branch->swapSuccessors();
		} else {
			Value *next, *limit;
			BasicBlock *test = block_new("chunk.test", poll);
			if (c.phi) {
				next = c.phi->getIncomingValueForBlock(latch);
				limit = opaque(b, stepped(b, counter, c.step * plan.iterations));
				b.CreateBr(header);
				redirect(latch, header, test, test);
				b.SetInsertPoint(test);
			} else {
				b.CreateBr(header);
				redirect(latch, header, test, test);
				b.SetInsertPoint(header, header->begin());
				PHINode *count = b.CreatePHI(b.getInt32Ty(), 2, "chunk.count");
				count->addIncoming(b.getInt32(plan.iterations), outer);
				b.SetInsertPoint(test);
				next = b.CreateAdd(count, b.getInt32(-1));
				count->addIncoming(next, test);
				limit = b.getInt32(0);
			}
			mark(b);
			b.CreateCondBr(b.CreateICmpEQ(next, limit), poll, header, unlikely);
			b.SetInsertPoint(poll);
			mark(b);
		}
		look(poll, resume, nullptr, at);
		b.SetInsertPoint(resume);
		b.CreateBr(outer);
	}

	/* Is v what the phi is after the step? */
	bool steps_to(Loop *loop, PHINode *phi, APInt &step)
	{
		if (!se.isSCEVable(phi->getType()))
			return false;
		auto *recurrence = dyn_cast<SCEVAddRecExpr>(se.getSCEV(phi));
		if (!recurrence || recurrence->getLoop() != loop || !recurrence->isAffine())
			return false;
		auto *constant = dyn_cast<SCEVConstant>(recurrence->getStepRecurrence(se));
		if (!constant || constant->isZero())
			return false;
		step = constant->getAPInt();
		return step.getBitWidth() >= 32 && step.abs().ule(1 << 16);
	}

	/* Finds what the latch compares with a bound, or anything that steps. */
	Counter counter_of(Loop *loop)
	{
		Counter found;
		BasicBlock *latch = loop->getLoopLatch();
		auto *branch = dyn_cast<BranchInst>(latch->getTerminator());
		auto *compare = branch && branch->isConditional() ? dyn_cast<ICmpInst>(branch->getCondition()) : nullptr;
		bool exits = compare && loop->isLoopExiting(latch);

		for (PHINode &phi : loop->getHeader()->phis()) {
			APInt step;
			if (!steps_to(loop, &phi, step))
				continue;
			if (!found.phi)
				found = { &phi, step };
			Value *next = phi.getIncomingValueForBlock(latch);
			for (int side = 0; exits && side < 2; side++) {
				Value *value = compare->getOperand(side);
				bool goes_on = branch->getSuccessor(0) == loop->getHeader();
				auto p = goes_on ? compare->getPredicate() : compare->getInversePredicate();
				if (side)
					p = ICmpInst::getSwappedPredicate(p);
				bool towards = step.isNegative() ? ICmpInst::isGT(p) || ICmpInst::isGE(p)
								 : ICmpInst::isLT(p) || ICmpInst::isLE(p);
				if ((value == &phi || value == next) && (towards || p == ICmpInst::ICMP_NE) &&
				    loop->isLoopInvariant(compare->getOperand(!side)))
					return { &phi, step, compare, value == &phi, side == 1 };
			}
		}
		return found;
	}

	/* Plans for loop and those in it; its cost when it is short, else ENDLESS. */
	uint64_t plan(Loop *loop)
	{
		uint64_t cost = 0;
		bool calls = false;

		for (Loop *inner : loop->getSubLoops())
			cost = plus(cost, plan(inner));
		for (BasicBlock *block : loop->getBlocks())
			if (loops.getLoopFor(block) == loop)
				for (Instruction &i : *block) {
					uint64_t one = instruction_cost(i);
					calls |= one == ENDLESS;
					cost = plus(cost, one);
				}
		uint64_t most = se.getSmallConstantMaxTripCount(loop);
		uint64_t whole = most ? times(cost, most) : ENDLESS;
		if (whole <= SHORT)
			return whole;
		BasicBlock *preheader = loop->getLoopPreheader(), *latch = loop->getLoopLatch();
		Plan p = { Plan::TESTED, preheader, loop->getHeader(), latch, 0, Counter() };
		p.calls = calls;
		if (cost < CHUNK / 2 && loop->isLoopSimplifyForm() && !f.hasOptNone() &&
		    isa<BranchInst, SwitchInst>(latch->getTerminator())) {
			p.kind = Plan::CHUNKED;
			p.iterations = PowerOf2Ceil(CHUNK / std::max<uint64_t>(cost, 1));
			p.counter = counter_of(loop);
			p.small = p.counter.compare && cost <= SMALL && !f.hasOptSize();
			p.loop = loop;
			p.blocks.append(loop->block_begin(), loop->block_end());
		}
		plans.push_back(p);
		return ENDLESS;
	}

	/* Jumps back that make no natural loop. */
	void test_irreducible()
	{
		SmallVector<std::pair<const BasicBlock *, const BasicBlock *>, 8> backward;

		FindFunctionBackedges(f, backward);
		for (auto [from, to] : backward) {
			Loop *loop = loops.getLoopFor(to);
			if (!loop || loop->getHeader() != to || !loop->contains(from))
				irreducible.push_back({ const_cast<BasicBlock *>(from), const_cast<BasicBlock *>(to) });
		}
	}
	SmallVector<std::pair<BasicBlock *, BasicBlock *>, 4> irreducible;
	SmallVector<Instruction *, 4> recursive;

public:
	Safepoints(Function &f, LoopInfo &loops, ScalarEvolution &se)
		: f(f), loops(loops), se(se)
	{
		Module &m = *f.getParent();
		LLVMContext &context = f.getContext();
		Type *word = Type::getInt32Ty(context);

		pending = cast<GlobalVariable>(m.getOrInsertGlobal("__tabos_pending", word, [&] {
			auto *v = new GlobalVariable(m, word, false, GlobalValue::ExternalLinkage, nullptr,
						     "__tabos_pending", nullptr,
						     GlobalValue::LocalExecTLSModel);
			v->setDSOLocal(true);
			return v;
		}));
		safepoint = m.getOrInsertFunction("__tabos_safepoint", Type::getVoidTy(context));
		if (auto *function = dyn_cast<Function>(safepoint.getCallee()))
			function->addFnAttr(Attribute::Cold);
		unlikely = MDBuilder(context).createUnlikelyBranchWeights();
	}

	bool run(const DenseMap<Function *, int> &circles)
	{
		for (Loop *loop : loops)
			plan(loop);
		find_recursion(circles);
		test_irreducible();
		for (Plan &p : plans)
			if (p.kind == Plan::CHUNKED) {
				if (p.small)
					split_off_long_runs(p);
				chunk(p);
			}
		for (Plan &p : plans)
			if (p.kind == Plan::TESTED)
				test_loop(p.header, !p.calls);
		for (auto [from, to] : irreducible)
			test_edge(from, to, true);
		for (Instruction *call : recursive)
			test_before(call);
		return !recursive.empty() || !plans.empty() || !irreducible.empty();
	}

private:
	void test_loop(BasicBlock *header, bool hoist)
	{
		SmallVector<BasicBlock *, 4> latches;
		Loop *loop = loops.getLoopFor(header);

		for (BasicBlock *from : predecessors(header))
			if (loop->contains(from) && !is_contained(latches, from))
				latches.push_back(from);
		for (BasicBlock *latch : latches)
			test_edge(latch, header, hoist);
	}

	/*
	 * Calls that may lead back here and are in no loop. One in a function makes the stack
	 * grow, which ends; with more, the time grows too, so all but one look before.
	 */
	void find_recursion(const DenseMap<Function *, int> &circles)
	{
		auto mine = circles.find(&f);

		if (mine == circles.end())
			return;
		ReversePostOrderTraversal<Function *> order(&f);
		for (BasicBlock *block : order)
			for (Instruction &i : *block) {
				auto *call = dyn_cast<CallBase>(&i);
				Function *to = call ? call->getCalledFunction() : nullptr;
				auto circle = to ? circles.find(to) : circles.end();
				if (circle != circles.end() && circle->second == mine->second &&
				    !loops.getLoopFor(block))
					recursive.push_back(&i);
			}
		if (!recursive.empty())
			recursive.erase(recursive.begin());
	}

	void test_before(Instruction *i)
	{
		BasicBlock *block = i->getParent();
		BasicBlock *rest = block->splitBasicBlock(i, "safepoint.after");

		block->getTerminator()->eraseFromParent();
		look(block, rest, nullptr, i->getDebugLoc());
	}
};

/* Which functions are in one circle of calls: they have the same number. */
DenseMap<Function *, int> circles_of(Module &m)
{
	DenseMap<Function *, int> found;
	CallGraph graph(m);
	int number = 0;

	for (auto scc = scc_begin(&graph); !scc.isAtEnd(); ++scc, number++)
		if (scc.hasCycle())
			for (CallGraphNode *node : *scc)
				if (Function *f = node->getFunction(); f && !f->isDeclaration())
					found[f] = number;
	return found;
}

struct SafepointPass : PassInfoMixin<SafepointPass> {
	PreservedAnalyses run(Module &m, ModuleAnalysisManager &mam)
	{
		auto &fam = mam.getResult<FunctionAnalysisManagerModuleProxy>(m).getManager();
		auto circles = circles_of(m);
		bool changed = false;

		for (Function &f : m) {
			if (f.isDeclaration() || f.hasFnAttribute(Attribute::Naked))
				continue;
			Safepoints s(f, fam.getResult<LoopAnalysis>(f),
				     fam.getResult<ScalarEvolutionAnalysis>(f));
			changed |= s.run(circles);
		}
		return changed ? PreservedAnalyses::none() : PreservedAnalyses::all();
	}
	static bool isRequired() { return true; }
};

/*
 * Where a loop's runs are all short or all long, whatever the loops around it do: decides
 * that outside of them, so that what is for long runs does not burden the registers of the short.
 */
struct UnswitchPass : PassInfoMixin<UnswitchPass> {
	PreservedAnalyses run(Function &f, FunctionAnalysisManager &fam)
	{
		if (!f.hasFnAttribute(SPLIT))
			return PreservedAnalyses::all();
		f.removeFnAttr(SPLIT);
		return createFunctionToLoopPassAdaptor(SimpleLoopUnswitchPass(true), true).run(f, fam);
	}
};

void register_pass(PassBuilder &builder)
{
	builder.registerOptimizerLastEPCallback(
		[](ModulePassManager &passes, OptimizationLevel level, ThinOrFullLTOPhase) {
			if (level != OptimizationLevel::O0) {
				FunctionPassManager first;
				first.addPass(createFunctionToLoopPassAdaptor(LoopStrengthReducePass()));
				first.addPass(LoopSimplifyPass());
				first.addPass(LCSSAPass());
				passes.addPass(createModuleToFunctionPassAdaptor(std::move(first)));
			}
			passes.addPass(SafepointPass());
			passes.addPass(createModuleToFunctionPassAdaptor(UnswitchPass()));
		});
	builder.registerPipelineParsingCallback(
		[](StringRef name, ModulePassManager &passes, ArrayRef<PassBuilder::PipelineElement>) {
			if (name != "tabos-safepoints")
				return false;
			passes.addPass(createModuleToFunctionPassAdaptor(LoopSimplifyPass()));
			passes.addPass(SafepointPass());
			return true;
		});
}

} // namespace

extern "C" __attribute__((visibility("default"))) PassPluginLibraryInfo llvmGetPassPluginInfo()
{
	return { LLVM_PLUGIN_API_VERSION, "tabos-safepoints", "1", register_pass };
}
