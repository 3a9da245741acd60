/* easgate-emulator: plays EAS for tests, demos and everyone who develops without an account. Options and modes only. */
#include "emulator/emu_offline.h"
#include "emulator/emu_opt.h"
#include "emulator/emu_server.h"
#include "base/stdfds.h"

int main(int argc, char **argv)
{
    struct emu_opt opt;
    int code;

    if (!stdfds_hold())
        return 2;
    if (emu_opt_parse(argc, argv, &opt, &code))
        return code;
    return opt.verify ? emu_offline_run(&opt) : emu_server_run(&opt);
}
