/* Plug-ins: classes in a shared object, loaded while the program runs. */
#ifndef GN_CORE_PLUGIN_H
#define GN_CORE_PLUGIN_H

#include "base/status.h"

/* Load a shared object and append its classes to the registries. libfoo.so (or foo.so) holds
   gn_model_foo, gn_stepper_foo, gn_gradient_foo, gn_dataset_foo or gn_loss_foo; one with
   several classes lists their symbols in gn_plugin_classes. It stays loaded. To be called
   before the registries are used by other threads: this is the one place that changes them.
   GN_EIO if it cannot be loaded, GN_EARG if it holds no class or was compiled against another
   layout of gnomon's structs, GN_ENAME if a name is taken. */
gn_status gn_plugin_load(const char *file);

/* For a plug-in of several classes to define: {"gn_model_a", "gn_loss_b", NULL}. */
extern const char *const gn_plugin_classes[];

#endif
