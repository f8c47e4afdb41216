# __tabos_call_on_stack(top, f, arg): call f(arg) on another stack.
	.globaltype	__stack_pointer, i32
	.tabletype	__indirect_function_table, funcref
	.globl	__tabos_call_on_stack
	.type	__tabos_call_on_stack,@function
	.section	.text.__tabos_call_on_stack,"",@
__tabos_call_on_stack:
	.functype	__tabos_call_on_stack (i32, i32, i32) -> ()
	.local	i32
	global.get	__stack_pointer
	local.set	3
	local.get	0
	global.set	__stack_pointer
	local.get	2
	local.get	1
	call_indirect	__indirect_function_table, (i32) -> ()
	local.get	3
	global.set	__stack_pointer
	end_function
