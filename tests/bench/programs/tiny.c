/* SPDX-License-Identifier: MIT */
/* tiny: ends. What an exec storm executes. */
int main(void)
{
	return 0;
}
